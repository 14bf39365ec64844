#include "api/field_error.h"

#include "json/serialize.h"

namespace towpath::api {

const char* toString(FieldErrorKind kind) {
  switch (kind) {
    case FieldErrorKind::kInvalid:
      return "FieldValueInvalid";
    case FieldErrorKind::kRequired:
      return "FieldValueRequired";
    case FieldErrorKind::kTypeInvalid:
      return "FieldValueTypeInvalid";
    case FieldErrorKind::kNotSupported:
      return "FieldValueNotSupported";
    case FieldErrorKind::kTooLong:
      return "FieldValueTooLong";
    case FieldErrorKind::kTooMany:
      return "FieldValueTooMany";
    case FieldErrorKind::kForbidden:
      return "FieldValueForbidden";
    case FieldErrorKind::kInternal:
      return "InternalError";
  }
  return "FieldValueInvalid";
}

std::string describe(const FieldError& error) {
  return error.path.empty() ? error.message : fmt::format("{}: {}", error.path, error.message);
}

FieldError invalidValue(std::string path, const Value& value, std::string_view detail) {
  return {FieldErrorKind::kInvalid, std::move(path),
          fmt::format("Invalid value: {}: {}", json::serialize(value), detail)};
}

FieldError requiredValue(std::string path, std::string_view detail) {
  return {FieldErrorKind::kRequired, std::move(path),
          detail.empty() ? "Required value" : fmt::format("Required value: {}", detail)};
}

FieldError internalError(std::string path, std::string_view detail) {
  return {FieldErrorKind::kInternal, std::move(path), fmt::format("Internal error: {}", detail)};
}

FieldError forbiddenValue(std::string path, std::string_view detail) {
  return {FieldErrorKind::kForbidden, std::move(path), fmt::format("Forbidden: {}", detail)};
}

}  // namespace towpath::api
