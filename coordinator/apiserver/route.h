#pragma once
// The address of a request: which resource, object and subresource a path names.

#include <span>
#include <string>

namespace towpath::apiserver {

struct ResourcePath {
  std::string group;  // "" for /api/v1
  std::string version;
  std::string ns;  // empty: cluster-scoped, or all namespaces
  std::string plural;
  std::string name;         // empty: the collection
  std::string subresource;  // "", "status", "scale", "log", …
};

// Of the segments of /api/v1/… or /apis/<group>/<version>/…; plural is empty where the path ends before (discovery).
// False if it is neither, or has too many segments.
bool parseResourcePath(std::span<const std::string> segments, ResourcePath& path);

}  // namespace towpath::apiserver
