#include "apiserver/failure.h"

namespace towpath::apiserver {

int httpStatus(Reason reason) {
  switch (reason) {
    case Reason::kBadRequest:
      return 400;
    case Reason::kUnauthorized:
      return 401;
    case Reason::kForbidden:
      return 403;
    case Reason::kNotFound:
      return 404;
    case Reason::kMethodNotAllowed:
      return 405;
    case Reason::kNotAcceptable:
      return 406;
    case Reason::kAlreadyExists:
      return 409;
    case Reason::kConflict:
      return 409;
    case Reason::kExpired:
      return 410;
    case Reason::kTooLarge:
      return 413;
    case Reason::kUnsupportedMedia:
      return 415;
    case Reason::kInvalid:
      return 422;
    case Reason::kTooManyRequests:
      return 429;
    case Reason::kInternal:
      return 500;
    case Reason::kServiceUnavailable:
      return 503;
    case Reason::kTimeout:
      return 504;
  }
  return 500;
}

const char* reasonText(Reason reason) {
  switch (reason) {
    case Reason::kBadRequest:
      return "BadRequest";
    case Reason::kUnauthorized:
      return "Unauthorized";
    case Reason::kForbidden:
      return "Forbidden";
    case Reason::kNotFound:
      return "NotFound";
    case Reason::kMethodNotAllowed:
      return "MethodNotAllowed";
    case Reason::kNotAcceptable:
      return "NotAcceptable";
    case Reason::kAlreadyExists:
      return "AlreadyExists";
    case Reason::kConflict:
      return "Conflict";
    case Reason::kExpired:
      return "Expired";
    case Reason::kTooLarge:
      return "RequestEntityTooLarge";
    case Reason::kUnsupportedMedia:
      return "UnsupportedMediaType";
    case Reason::kInvalid:
      return "Invalid";
    case Reason::kTooManyRequests:
      return "TooManyRequests";
    case Reason::kInternal:
      return "InternalError";
    case Reason::kServiceUnavailable:
      return "ServiceUnavailable";
    case Reason::kTimeout:
      return "Timeout";
  }
  return "InternalError";
}

ErrorKind errorKind(Reason reason) {
  switch (reason) {
    case Reason::kBadRequest:
    case Reason::kInvalid:
      return ErrorKind::kInvalid;
    case Reason::kUnauthorized:
      return ErrorKind::kUnauthorized;
    case Reason::kForbidden:
      return ErrorKind::kForbidden;
    case Reason::kNotFound:
      return ErrorKind::kNotFound;
    case Reason::kMethodNotAllowed:
    case Reason::kNotAcceptable:
    case Reason::kUnsupportedMedia:
      return ErrorKind::kUnsupported;
    case Reason::kAlreadyExists:
      return ErrorKind::kAlreadyExists;
    case Reason::kConflict:
      return ErrorKind::kConflict;
    case Reason::kExpired:
      return ErrorKind::kGone;
    case Reason::kTooLarge:
      return ErrorKind::kTooLarge;
    case Reason::kTooManyRequests:
      return ErrorKind::kTooManyRequests;
    case Reason::kInternal:
      return ErrorKind::kInternal;
    case Reason::kServiceUnavailable:
      return ErrorKind::kUnavailable;
    case Reason::kTimeout:
      return ErrorKind::kTimeout;
  }
  return ErrorKind::kInternal;
}

static Reason reasonOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return Reason::kInvalid;
    case ErrorKind::kNotFound:
      return Reason::kNotFound;
    case ErrorKind::kAlreadyExists:
      return Reason::kAlreadyExists;
    case ErrorKind::kConflict:
      return Reason::kConflict;
    case ErrorKind::kUnauthorized:
      return Reason::kUnauthorized;
    case ErrorKind::kForbidden:
      return Reason::kForbidden;
    case ErrorKind::kGone:
      return Reason::kExpired;
    case ErrorKind::kTooLarge:
      return Reason::kTooLarge;
    case ErrorKind::kTooManyRequests:
      return Reason::kTooManyRequests;
    case ErrorKind::kUnavailable:
      return Reason::kServiceUnavailable;
    case ErrorKind::kTimeout:
      return Reason::kTimeout;
    case ErrorKind::kUnsupported:
      return Reason::kMethodNotAllowed;
    case ErrorKind::kCancelled:
    case ErrorKind::kCorrupt:
    case ErrorKind::kIo:
    case ErrorKind::kInternal:
      return Reason::kInternal;
  }
  return Reason::kInternal;
}

Error toError(const Failure& failure) {
  return {errorKind(failure.reason), failure.message, failure.causes.empty() ? std::string() : failure.causes[0].field};
}

Failure toFailure(const Error& error) {
  Failure failure{.reason = reasonOf(error.kind), .message = describe(error)};
  if (!error.field.empty()) failure.causes.push_back({.message = error.message, .field = error.field});
  if (error.kind == ErrorKind::kTooManyRequests || error.kind == ErrorKind::kUnavailable)
    failure.retry_after_seconds = 1;
  return failure;
}

Value statusObject(const Failure& failure) {
  Object status;
  status.set("kind", "Status");
  status.set("apiVersion", "v1");
  status.set("metadata", Object());
  status.set("status", "Failure");
  status.set("message", failure.message);
  status.set("reason", reasonText(failure.reason));
  Object details;
  if (!failure.name.empty()) details.set("name", failure.name);
  if (!failure.group.empty()) details.set("group", failure.group);
  if (!failure.kind.empty()) details.set("kind", failure.kind);
  if (!failure.uid.empty()) details.set("uid", failure.uid);
  if (!failure.causes.empty()) {
    Array causes;
    for (const auto& cause : failure.causes) {
      Object entry;
      entry.set("reason", cause.type);
      entry.set("message", cause.message);
      if (!cause.field.empty()) entry.set("field", cause.field);
      causes.push_back(std::move(entry));
    }
    details.set("causes", std::move(causes));
  }
  if (failure.retry_after_seconds > 0) details.set("retryAfterSeconds", failure.retry_after_seconds);
  if (!details.empty()) status.set("details", std::move(details));
  status.set("code", httpStatus(failure.reason));
  return status;
}

}  // namespace towpath::apiserver
