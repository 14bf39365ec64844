#pragma once
// The patches of the Kubernetes API. Each takes the object as it is and gives the object as it shall be; none of them
// touches its input. Errors are kInvalid with the place in the message; a failed `test` of a JSON patch is kInvalid as
// well.

#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::json {

// RFC 7396: members are merged, null removes, everything else replaces.
Value mergePatch(Value target, const Value& patch);

// RFC 6902, at most limits::kPatchOperations operations. Nothing is applied if one fails.
Result<Value> jsonPatch(const Value& target, const Value& operations);

// Strategic merge: lists of the kinds that we serve are merged by their key (containers by name, …; strategic_keys.cc),
// with the directives $patch, $retainKeys, $deleteFromPrimitiveList/… and $setElementOrder/…. `kind` tells what the
// object is
// ("Service": its ports merge by `port`). Lists that the table does not know are replaced.
Result<Value> strategicMergePatch(const Value& target, const Value& patch, std::string_view kind);

// The merge patch that turns `from` into `to`: mergePatch(from, diffMerge(from, to)) == to, if `to` has no null
// members. An empty object means no difference.
Value diffMerge(const Value& from, const Value& to);

}  // namespace towpath::json
