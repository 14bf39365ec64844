#pragma once
// towpath.dev/on-new-version: reject, at the door: a new template is refused while an update is in progress
// (api/extensions.h). A way back is not: the stable version, or one that is older than it and whose ReplicaSet is still
// there, as the engine has it too.

#include "apiserver/admission.h"

namespace towpath::store {
class Store;
}

namespace towpath::apiserver {

// For Rollouts. The store outlives it.
AdmissionHook newVersionRule(const store::Store& store);

}  // namespace towpath::apiserver
