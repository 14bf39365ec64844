#pragma once
// What is wrong with a field of an object, in the wording of Kubernetes' API.

#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace towpath::api {

// The reasons of Status.details.causes.
enum class FieldErrorKind {
  kInvalid,       // FieldValueInvalid
  kRequired,      // FieldValueRequired
  kTypeInvalid,   // FieldValueTypeInvalid
  kNotSupported,  // FieldValueNotSupported
  kTooLong,       // FieldValueTooLong
  kTooMany,       // FieldValueTooMany
  kForbidden,     // FieldValueForbidden
  kInternal,      // InternalError
};

const char* toString(FieldErrorKind kind);  // "FieldValueInvalid", …: the reason of a cause

struct FieldError {
  FieldErrorKind kind = FieldErrorKind::kInvalid;
  std::string path;     // "spec.strategy.steps[0].setWeight"
  std::string message;  // without the path: "Invalid value: 120: SetWeight needs to be between 0 and 100"

  bool operator==(const FieldError&) const = default;
};

using FieldErrors = std::vector<FieldError>;

// "spec.replicas: Invalid value: -1: must be greater than or equal to 0".
std::string describe(const FieldError& error);

// Strings quoted, numbers and booleans bare, the rest as compact JSON: how a message shows a bad value.
FieldError invalidValue(std::string path, const Value& value, std::string_view detail);
FieldError requiredValue(std::string path, std::string_view detail);
FieldError internalError(std::string path, std::string_view detail);
FieldError forbiddenValue(std::string path, std::string_view detail);

}  // namespace towpath::api
