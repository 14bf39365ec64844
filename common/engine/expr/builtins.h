#pragma once
// The functions of the condition language: one table line each.

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

struct Builtin {
  std::string_view name;
  std::size_t arguments;
  // `result` is the metric's result: default() and isNil() look at it and not at their argument, as the peer does
  // (8.8).
  Result<Value> (*call)(std::span<const Value> arguments, const Value& result);
};

const Builtin* findBuiltin(std::string_view name);

// "int", "float64", "string", "bool", "nil", "list", "map": for messages.
std::string_view typeName(const Value& value);

}  // namespace towpath::expr
