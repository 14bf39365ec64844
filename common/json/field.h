#pragma once
// Places in a tree of values by their plain names, as field selectors, fieldRef and error messages write them.

#include <string>
#include <string_view>

#include "base/value.h"

namespace towpath::json {

// "metadata.name", "spec.template.spec.containers[0].image", "metadata.annotations['a.b/c']": a place in a tree. Null
// if there is none. For field selectors, fieldRef and messages.
const Value& fieldAt(const Value& root, std::string_view path);

// Joins paths for error messages: "spec" + "replicas" → "spec.replicas", "" + "spec" → "spec"; a name that has dots or
// slashes comes in brackets ("metadata.annotations[a.b/c]").
std::string joinPath(std::string_view parent, std::string_view member);
std::string joinPath(std::string_view parent, std::size_t index);

}  // namespace towpath::json
