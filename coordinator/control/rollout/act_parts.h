#pragma once
// Small things that the files of Actor share.

#include <string>

#include "base/error.h"
#include "cluster/object.h"

namespace towpath::control {

inline bool controlledBy(const cluster::ObjectRef& object, const std::string& uid) {
  const cluster::OwnerRef* owner = object->meta().controllerOwner();
  return owner && owner->uid == uid;
}

// Gone already is as good as removed.
inline Result<void> unlessGone(Result<void> removed) {
  if (!removed && removed.error().kind == ErrorKind::kNotFound) return {};
  return removed;
}

inline constexpr int kMaxNames = 100;  // "name", "name.1", …: retries of one step of one revision

}  // namespace towpath::control
