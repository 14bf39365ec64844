#pragma once
// Which lists of the kinds that we serve a strategic merge patch merges, and by which member of their elements
// (k8s.io/api: the patchStrategy and patchMergeKey tags). Internal to json/.

#include <optional>
#include <string_view>

namespace towpath::json {

// The member that tells the elements of the list `field` apart, or "" for a list of plain values that is a set; nullopt
// for a list that a patch replaces. `parent` is the field that the list stands in ("spec", "containers", …).
std::optional<std::string_view> mergeKey(std::string_view kind, std::string_view parent, std::string_view field);

}  // namespace towpath::json
