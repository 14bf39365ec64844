#include "engine/expr/builtins.h"

#include <array>
#include <charconv>
#include <cmath>

namespace towpath::expr {
namespace {

using Arguments = std::span<const Value>;

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

Result<double> number(Arguments arguments, std::string_view function) {
  if (!arguments[0].isNumber()) return bad(fmt::format("{} needs a number, not {}", function, typeName(arguments[0])));
  return arguments[0].asDouble();
}

Result<Value> len(Arguments arguments, const Value&) {
  const Value& value = arguments[0];
  if (value.isArray()) return Value(static_cast<long long>(value.asArray().size()));
  if (value.isObject()) return Value(static_cast<long long>(value.asObject().size()));
  if (const std::string* text = value.ifString()) {
    // Characters, not bytes: continuation bytes of UTF-8 don't count.
    const auto count =
        std::ranges::count_if(*text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    return Value(static_cast<long long>(count));
  }
  return bad(fmt::format("invalid argument for len (type {})", typeName(value)));
}

Result<Value> isNaN(Arguments arguments, const Value&) {
  const Result<double> value = number(arguments, "isNaN");
  if (!value) return std::unexpected(value.error());
  return Value(std::isnan(*value));
}

Result<Value> isInf(Arguments arguments, const Value&) {
  const Result<double> value = number(arguments, "isInf");
  if (!value) return std::unexpected(value.error());
  return Value(std::isinf(*value));
}

Result<Value> isNil(Arguments, const Value& result) { return Value(result.isNull()); }

Result<Value> orDefault(Arguments arguments, const Value& result) { return result.isNull() ? arguments[1] : result; }

Result<Value> asInt(Arguments arguments, const Value&) {
  const Value& value = arguments[0];
  if (value.isInt()) return value;
  if (const double* real = value.ifDouble()) {
    if (!(std::abs(*real) < 9.2e18)) return bad("asInt: the number is out of range");
    return Value(static_cast<long long>(*real));
  }
  if (const std::string* text = value.ifString()) {
    std::int64_t parsed = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, parsed);
    if (error == std::errc() && stop == end && !text->empty()) return Value(static_cast<long long>(parsed));
    return bad(fmt::format("asInt: \"{}\" is no whole number", *text));
  }
  return bad(fmt::format("asInt() not supported on type {}", typeName(value)));
}

Result<Value> asFloat(Arguments arguments, const Value&) {
  const Value& value = arguments[0];
  if (value.isNumber()) return Value(value.asDouble());
  if (const std::string* text = value.ifString()) {
    double parsed = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, parsed);
    if (error == std::errc() && stop == end && !text->empty()) return Value(parsed);
    return bad(fmt::format("asFloat: \"{}\" is no number", *text));
  }
  return bad(fmt::format("asFloat() not supported on type {}", typeName(value)));
}

constexpr std::array<Builtin, 7> kBuiltins = {{{"len", 1, len},
                                               {"isNaN", 1, isNaN},
                                               {"isInf", 1, isInf},
                                               {"isNil", 1, isNil},
                                               {"default", 2, orDefault},
                                               {"asInt", 1, asInt},
                                               {"asFloat", 1, asFloat}}};

}  // namespace

const Builtin* findBuiltin(std::string_view name) {
  const auto found = std::ranges::find(kBuiltins, name, &Builtin::name);
  return found == kBuiltins.end() ? nullptr : &*found;
}

std::string_view typeName(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "nil";
    case Value::Kind::kBool:
      return "bool";
    case Value::Kind::kInt:
      return "int";
    case Value::Kind::kDouble:
      return "float64";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kArray:
      return "list";
    case Value::Kind::kObject:
      return "map";
  }
  return "nil";
}

}  // namespace towpath::expr
