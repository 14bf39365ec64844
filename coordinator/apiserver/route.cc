#include "apiserver/route.h"

namespace towpath::apiserver {

bool parseResourcePath(std::span<const std::string> segments, ResourcePath& path) {
  if (segments.empty()) return false;
  if (segments[0] == "api") {
    if (segments.size() < 2) return false;
    path.version = segments[1];
    segments = segments.subspan(2);
  } else if (segments[0] == "apis") {
    if (segments.size() < 3) return false;
    path.group = segments[1];
    path.version = segments[2];
    segments = segments.subspan(3);
  } else {
    return false;
  }
  // namespaces/<name>, namespaces/<name>/status and …/finalize are the Namespace itself.
  const bool within = segments.size() >= 3 && segments[0] == "namespaces" &&
                      !(segments.size() == 3 && (segments[2] == "status" || segments[2] == "finalize"));
  if (within) {
    path.ns = segments[1];
    segments = segments.subspan(2);
  }
  if (segments.size() > 3) return false;
  if (!segments.empty()) path.plural = segments[0];
  if (segments.size() > 1) path.name = segments[1];
  if (segments.size() > 2) path.subresource = segments[2];
  return true;
}

}  // namespace towpath::apiserver
