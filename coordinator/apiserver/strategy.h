#pragma once
// What differs from kind to kind when an object is written: defaults, what a client may not set or change, and rules
// beyond the schema.

#include <string>
#include <vector>

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "base/value.h"

namespace towpath::apiserver {

// Before a create: fields that the server owns, and defaults.
void prepareCreate(const Kind& kind, Value& object);
// Before each write of the main resource: defaults for what the new object leaves out.
void applyDefaults(const Kind& kind, Value& object);
// Rules of built-in kinds; `old` is null on create.
void checkRules(const Kind& kind, const Value* old, const Value& object, std::vector<Cause>& causes);
// What who creates such an object should know.
std::vector<std::string> warningsOf(const Kind& kind);
// What is wrong with the name, or "".
std::string nameError(const Kind& kind, std::string_view name);

}  // namespace towpath::apiserver
