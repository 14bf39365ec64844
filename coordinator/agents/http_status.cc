#include "agents/http_status.h"

namespace towpath::agents {

int httpStatus(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kCorrupt:
      return 400;
    case ErrorKind::kUnauthorized:
      return 401;
    case ErrorKind::kForbidden:
      return 403;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kAlreadyExists:
    case ErrorKind::kConflict:
      return 409;
    case ErrorKind::kGone:
      return 410;
    case ErrorKind::kTooLarge:
      return 413;
    case ErrorKind::kUnsupported:
      return 426;
    case ErrorKind::kTooManyRequests:
      return 429;
    case ErrorKind::kTimeout:
      return 504;
    case ErrorKind::kUnavailable:
    case ErrorKind::kCancelled:
    case ErrorKind::kIo:
      return 503;
    case ErrorKind::kInternal:
      break;
  }
  return 500;
}

}  // namespace towpath::agents
