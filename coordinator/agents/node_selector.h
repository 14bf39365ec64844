#pragma once
// The selector of the annotation `towpath.dev/node-selector`: "key=value" and "key", joined by commas; all must hold.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace towpath::agents {

bool selectsLabels(std::string_view selector, const std::vector<std::pair<std::string, std::string>>& labels);

}  // namespace towpath::agents
