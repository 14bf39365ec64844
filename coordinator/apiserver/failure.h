#pragma once
// How a request fails: an Error with the causes by field path that a Kubernetes `Status` carries. The mapping to HTTP
// status and reason follows k8s.io/apimachinery/pkg/api/errors.

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::apiserver {

// The HTTP status with its Kubernetes reason; several share one ErrorKind (400 and 422 are both kInvalid).
enum class Reason {
  kBadRequest,          // 400: the request itself is malformed
  kUnauthorized,        // 401
  kForbidden,           // 403
  kNotFound,            // 404
  kMethodNotAllowed,    // 405
  kNotAcceptable,       // 406
  kAlreadyExists,       // 409
  kConflict,            // 409
  kExpired,             // 410: list again
  kTooLarge,            // 413
  kUnsupportedMedia,    // 415
  kInvalid,             // 422: the object breaks rules, named by `causes`
  kTooManyRequests,     // 429
  kInternal,            // 500
  kServiceUnavailable,  // 503
  kTimeout,             // 504
};

// One offending field. `type` is Kubernetes' CauseType: "FieldValueInvalid", "FieldValueRequired",
// "FieldValueTypeInvalid", …
struct Cause {
  std::string type = "FieldValueInvalid";
  std::string message;
  std::string field;
};

struct Failure {
  Reason reason = Reason::kInternal;
  std::string message;
  std::string group, kind, name, uid;  // details of what the request was about; may be empty
  std::vector<Cause> causes;
  int retry_after_seconds = 0;
};

template <class T>
using Answer = std::expected<T, Failure>;

inline std::unexpected<Failure> refuse(Reason reason, std::string message) {
  return std::unexpected(Failure{.reason = reason, .message = std::move(message)});
}

int httpStatus(Reason reason);
const char* reasonText(Reason reason);
ErrorKind errorKind(Reason reason);

// For callers in process: the first cause's field and the whole message.
Error toError(const Failure& failure);
Failure toFailure(const Error& error);
// The `Status` object of the answer's body.
Value statusObject(const Failure& failure);

}  // namespace towpath::apiserver
