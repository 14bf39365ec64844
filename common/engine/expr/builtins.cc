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
                                                  {"sum", 1, 2, "lp", 'e', nullptr},
                                                  {"groupBy", 2, 2, "lp", 'm', nullptr},
                                                  {"sortBy", 2, 3, "lps", '=', nullptr},
                                                  {"reduce", 2, 3, "lpa", 'a', nullptr}}};

bool fits(char want, const Type& type) {
  const TypeKind kind = type.kind;
  if (type.isUnknown()) return true;
  switch (want) {
    case 's':
      return kind == TypeKind::kString;
    case 'n':
      return type.isNumber();
    case 'i':
    case 'k':
      return kind == TypeKind::kInt;
    case 't':
      return type.isNumber() || kind == TypeKind::kString;
    case 'w':
      return type.isNumber() || kind == TypeKind::kString || kind == TypeKind::kDuration || kind == TypeKind::kMonth ||
             kind == TypeKind::kWeekday;
    case 'v':
      return type.isNumber() || kind == TypeKind::kDuration || kind == TypeKind::kList;
    case 'd':
      return kind == TypeKind::kString || kind == TypeKind::kLocation;
    case 'l':
      return kind == TypeKind::kList;
    case 'm':
      return kind == TypeKind::kMap;
    case 'c':
      return kind == TypeKind::kList || kind == TypeKind::kMap || kind == TypeKind::kString;
    case 'T':
      return kind == TypeKind::kTime;
    case 'D':
      return kind == TypeKind::kDuration;
    case 'Z':
      return kind == TypeKind::kLocation;
    default:
      return true;
  }
}

// The type that an argument has to have, where it is one only.
std::optional<Type> named(char letter) {
  switch (letter) {
    case 's':
    case 'd':
      return Type{TypeKind::kString};
    case 'i':
    case 'k':
      return Type{TypeKind::kInt};
    case 'T':
      return Type{TypeKind::kTime};
    case 'D':
      return Type{TypeKind::kDuration};
    case 'Z':
      return Type{TypeKind::kLocation};
    default:
      return std::nullopt;
  }
}

}  // namespace

const Builtin* findBuiltin(std::string_view name) {
  const std::array<std::span<const Builtin>, 6> tables = {std::span<const Builtin>(kPredicates),
                                                          numberBuiltins(),
                                                          textBuiltins(),
                                                          listBuiltins(),
                                                          timeBuiltins(),
                                                          jsonBuiltins()};
  for (const std::span<const Builtin> table : tables) {
    const auto found = std::ranges::find(table, name, &Builtin::name);
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

bool isPredicate(const Builtin& builtin) { return builtin.call == nullptr; }

char wanted(const Builtin& builtin, std::size_t index) {
  return builtin.takes[std::min(index, builtin.takes.size() - 1)];
}

std::optional<std::string> misfit(const Builtin& builtin, std::size_t index, const Type& type) {
  const char want = wanted(builtin, index);
  if (fits(want, type)) return std::nullopt;
  if (isPredicate(builtin) && index == 0) {
    return fmt::format("builtin {} takes only array (got {})", builtin.name, toString(type));
  }
  if (const std::optional<Type> one = named(want)) {
    return fmt::format("cannot use {} as argument (type {}) to call {}", toString(type), toString(*one), builtin.name);
  }
  return fmt::format("invalid argument for {} (type {})", builtin.name, toString(type));
}

std::optional<std::string> misfit(const Builtin& builtin, std::span<const Type> arguments) {
  if (arguments.size() < builtin.least) return fmt::format("not enough arguments to call {}", builtin.name);
  if (arguments.size() > builtin.most) return fmt::format("too many arguments to call {}", builtin.name);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (std::optional<std::string> message = misfit(builtin, i, arguments[i])) return message;
  }
  return std::nullopt;
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
    case 'g': {
      const auto isDuration = [](const Type& type) { return type.kind == TypeKind::kDuration; };
      const bool alike = std::ranges::all_of(arguments, &Type::isNumber) || std::ranges::all_of(arguments, isDuration);
      return alike ? first : Type{};
    }
    case 'M':
      return {TypeKind::kMonth};
    case 'W':
      return {TypeKind::kWeekday};
    case 'T':
    case 'D':
    case 'Z':
      return *named(builtin.gives);
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
    case Value::Kind::kOpaque:
      break;
  }
  return temporalName(typeOf(value).kind);
}

}  // namespace towpath::expr
