#pragma once
// Small things that all who write objects share.

#include <string>

#include "base/error.h"
#include "cluster/object.h"

namespace towpath::control {

inline bool controlledBy(const cluster::ObjectRef& object, const std::string& uid) {
  const cluster::OwnerRef* owner = object->meta().controllerOwner();
  return owner && owner->uid == uid;
}

// Asking again would get the same answer.
inline bool isFinal(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kForbidden ||
         error.kind == ErrorKind::kUnsupported || error.kind == ErrorKind::kTooLarge;
}

// Gone already is as good as removed.
inline Result<void> unlessGone(Result<void> removed) {
  if (!removed && removed.error().kind == ErrorKind::kNotFound) return {};
  return removed;
}

inline constexpr int kMaxNames = 100;  // "name", "name.1", …: retries of one step of one revision
inline constexpr const char* kFieldManager = "rollouts-controller";

}  // namespace towpath::control
