#pragma once
// What a caller is expected to handle is a value: Result<T> carries either the answer or an Error.

#include <expected>
#include <string>
#include <utility>

namespace towpath {

// Few kinds, chosen by what a caller does about them. The API server maps each to one HTTP status and Kubernetes
// reason (apiserver/status.h), the client side maps back.
enum class ErrorKind {
  kInvalid,        // the input breaks a rule; `field` names the place
  kNotFound,       //
  kAlreadyExists,  //
  kConflict,       // a precondition (resourceVersion, uid) does not hold any more: read again and retry
  kUnauthorized,   // who are you?
  kForbidden,      // known, but not allowed
  kGone,           // the asked-for history is compacted: list again
  kTooLarge,       // over a limit of base/limits.h
  kTooManyRequests,
  kUnavailable,  // the other side is away or not ready: retry with back-off
  kTimeout,
  kCancelled,
  kUnsupported,  // well-formed, but this server does not do it
  kCorrupt,      // stored or received bytes contradict themselves
  kIo,           // the operating system said no
  kInternal,     // a bug of ours
};

const char* toString(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;  // for an operator: what is wrong and, where we know it, the mend
  std::string field;    // path of the offending field ("spec.strategy.canary.steps[0].setWeight"), or empty

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string field = {}) {
  return std::unexpected(Error{kind, std::move(message), std::move(field)});
}

// Puts `context: ` before the message; for adding what we were doing when it went wrong.
Error withContext(Error error, const std::string& context);

// "message" or "field: message".
std::string describe(const Error& error);

}  // namespace towpath
