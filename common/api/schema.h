#pragma once
// Objects against a structural schema (the openAPIV3Schema of a CRD): types, required, enum, bounds, pattern, formats,
// nullable, items, additionalProperties, int-or-string, preserve-unknown-fields; defaults and pruning. Errors are
// worded as kube-apiserver's. CEL rules are not evaluated.

#include <string>
#include <vector>

#include "api/field_error.h"
#include "base/value.h"

namespace towpath::api {

// Sets the members that are absent and have a default.
void applyDefaults(const Value& schema, Value& object);

enum class UnknownFields { kKeep, kPrune };

// The paths of the fields that the schema does not know, at most kMaxUnknownFields; kPrune removes all of them as well.
// apiVersion, kind and metadata are always known.
std::vector<std::string> findUnknownFields(const Value& schema, Value& object, UnknownFields what);

inline constexpr std::size_t kMaxUnknownFields = 100;
inline constexpr std::size_t kMaxSchemaErrors = 50;

// What the object breaks, at most kMaxSchemaErrors.
FieldErrors validateSchema(const Value& schema, const Value& object);

// What an update breaks: fields whose schema has the rule "self == oldSelf" keep the value they once got. Entries of
// lists are not looked into.
FieldErrors validateTransition(const Value& schema, const Value& old_object, const Value& object);

}  // namespace towpath::api
