#pragma once
// towpath/exec, the short form of a job metric: one program, run once in a pod of its own.
//
//   provider:
//     plugin:
//       towpath/exec:
//         image: registry.example/smoke:1
//         command: [./smoke, --url, "{{args.url}}"]
//         env: {LEVEL: info}
//         timeout: 2m              # then it has failed; 5m
//         retries: 0
//         nodeSelector: {site: shop-1}

#include "base/error.h"
#include "base/value.h"

namespace towpath::metrics {

// What `provider.job` would hold. kInvalid names the field.
Result<Value> jobOfExec(const Value& exec);

}  // namespace towpath::metrics
