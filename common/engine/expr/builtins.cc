#include "engine/expr/builtins.h"

#include <algorithm>
#include <array>

namespace towpath::expr {
namespace {

constexpr std::array<Builtin, 15> kPredicates = {{{"all", 2, 2, "lp", 'b', nullptr},
                                                  {"any", 2, 2, "lp", 'b', nullptr},
                                                  {"one", 2, 2, "lp", 'b', nullptr},
                                                  {"none", 2, 2, "lp", 'b', nullptr},
                                                  {"filter", 2, 2, "lp", '=', nullptr},
                                                  {"map", 2, 2, "lp", 'l', nullptr},
                                                  {"find", 2, 2, "lp", 'e', nullptr},
                                                  {"findIndex", 2, 2, "lp", 'i', nullptr},
                                                  {"findLast", 2, 2, "lp", 'e', nullptr},
                                                  {"findLastIndex", 2, 2, "lp", 'i', nullptr},
                                                  {"count", 1, 2, "lp", 'i', nullptr},
                                                  {"sum", 1, 2, "lp", 'a', nullptr},
                                                  {"groupBy", 2, 2, "lp", 'm', nullptr},
                                                  {"sortBy", 2, 3, "lps", '=', nullptr},
                                                  {"reduce", 2, 3, "lpa", 'a', nullptr}}};

constexpr std::array<std::string_view, 4> kClock = {"now", "date", "duration", "timezone"};
constexpr std::array<std::string_view, 2> kJson = {"toJSON", "fromJSON"};

bool fits(char want, const Type& type) {
  const TypeKind kind = type.kind;
  if (type.isUnknown()) return true;
  switch (want) {
    case 's':
      return kind == TypeKind::kString;
    case 'n':
      return type.isNumber();
    case 'i':
      return kind == TypeKind::kInt;
    case 't':
      return type.isNumber() || kind == TypeKind::kString;
    case 'v':
      return type.isNumber() || kind == TypeKind::kList;
    case 'l':
      return kind == TypeKind::kList;
    case 'm':
      return kind == TypeKind::kMap;
    case 'c':
      return kind == TypeKind::kList || kind == TypeKind::kMap || kind == TypeKind::kString;
    default:
      return true;
  }
}

}  // namespace

const Builtin* findBuiltin(std::string_view name) {
  const std::array<std::span<const Builtin>, 4> tables = {std::span<const Builtin>(kPredicates), numberBuiltins(),
                                                          textBuiltins(), listBuiltins()};
  for (const std::span<const Builtin> table : tables) {
    const auto found = std::ranges::find(table, name, &Builtin::name);
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

bool isPredicate(const Builtin& builtin) { return builtin.call == nullptr; }

std::string unknownFunction(std::string_view name) {
  if (std::ranges::find(kClock, name) != kClock.end()) {
    return fmt::format("{}() is not supported: a condition looks at the result alone, and knows no time", name);
  }
  if (std::ranges::find(kJson, name) != kJson.end()) {
    return fmt::format("{}() is not supported: take the part out with the provider's jsonPath", name);
  }
  return fmt::format("unknown function {}", name);
}

char wanted(const Builtin& builtin, std::size_t index) {
  return builtin.takes[std::min(index, builtin.takes.size() - 1)];
}

std::optional<std::string> misfit(const Builtin& builtin, std::size_t index, const Type& type) {
  const char want = wanted(builtin, index);
  if (fits(want, type)) return std::nullopt;
  if (isPredicate(builtin) && index == 0) {
    return fmt::format("builtin {} takes only array (got {})", builtin.name, toString(type));
  }
  if (want == 's' || want == 'i') {
    return fmt::format("cannot use {} as argument (type {}) to call {}", toString(type), want == 's' ? "string" : "int",
                       builtin.name);
  }
  return fmt::format("invalid argument for {} (type {})", builtin.name, toString(type));
}

Type givenType(const Builtin& builtin, std::span<const Type> arguments) {
  const Type first = arguments.empty() ? Type{} : arguments.front();
  switch (builtin.gives) {
    case 'b':
      return {TypeKind::kBool};
    case 'i':
      return {TypeKind::kInt};
    case 'f':
      return {TypeKind::kFloat};
    case 's':
      return {TypeKind::kString};
    case 'l':
      return {TypeKind::kList};
    case 'S':
      return {TypeKind::kList, TypeKind::kString};
    case 'm':
      return {TypeKind::kMap};
    case '=':
      return first;
    case 'e':
      return {first.element};
    case 'g':
      return std::ranges::all_of(arguments, &Type::isNumber) ? first : Type{};
    default:
      return {};
  }
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
