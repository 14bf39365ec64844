#pragma once
// The defaults that an API server writes into a pod template (k8s.io/api core/v1), so that a template as a user wrote
// it and the same one as it was stored compare equal.

#include "base/value.h"

namespace towpath::api {

// Idempotent. What is set stays as it is. Two fields are taken away, since API servers of different versions disagree
// on them: the deprecated `serviceAccount` (its value goes to serviceAccountName) and a `procMount: Default`.
void applyTemplateDefaults(Value& pod_template);

}  // namespace towpath::api
