#include "engine/expr/check.h"

#include <array>

#include "engine/expr/builtins.h"
#include "engine/expr/methods.h"
#include "engine/expr/pattern.h"

namespace towpath::expr {
namespace {

using enum TypeKind;

// Of times and durations.
struct TemporalRule {
  std::string_view op;
  TypeKind left;
  TypeKind right;
  TypeKind gives;
};
constexpr std::array<TemporalRule, 11> kTemporalRules = {{{"+", kTime, kDuration, kTime},
                                                          {"+", kDuration, kTime, kTime},
                                                          {"+", kDuration, kDuration, kDuration},
                                                          {"-", kTime, kTime, kDuration},
                                                          {"-", kTime, kDuration, kTime},
                                                          {"-", kDuration, kDuration, kDuration},
                                                          {"*", kDuration, kDuration, kDuration},
                                                          {"*", kInt, kDuration, kDuration},
                                                          {"*", kFloat, kDuration, kDuration},
                                                          {"*", kDuration, kInt, kDuration},
                                                          {"*", kDuration, kFloat, kDuration}}};

bool isOrdering(std::string_view op) { return op == "<" || op == ">" || op == "<=" || op == ">="; }

// The same where one of both is a time or a duration; what is unknown may be one.
std::optional<Type> typeOfTemporal(std::string_view op, const Type& left, const Type& right) {
  const Type& known = left.isUnknown() ? right : left;
  if (known.kind != kTime && known.kind != kDuration && right.kind != kDuration) return std::nullopt;
  if (left.isUnknown() || right.isUnknown()) {
    if (isOrdering(op)) return Type{kBool};
    const bool defined = op == "+" || op == "-" || (op == "*" && known.kind == kDuration);
    return defined ? std::optional<Type>(Type{}) : std::nullopt;
  }
  if (isOrdering(op) && left.kind == right.kind) return Type{kBool};
  for (const TemporalRule& rule : kTemporalRules) {
    if (rule.op == op && rule.left == left.kind && rule.right == right.kind) return Type{rule.gives};
  }
  return std::nullopt;
}

// What the operator gives, or nothing where the types cannot meet. The rules are the peer's checker's.
std::optional<Type> typeOfBinary(std::string_view op, const Type& left, const Type& right) {
  const bool numbers = left.mayBeNumber() && right.mayBeNumber();
  const bool strings = left.mayBe(kString) && right.mayBe(kString);
  const bool unknown = left.isUnknown() || right.isUnknown();
  if (op == "==" || op == "!=") return comparable(left, right) ? std::optional<Type>{{kBool}} : std::nullopt;
  if (op == "&&" || op == "||") {
    return left.mayBe(kBool) && right.mayBe(kBool) ? std::optional<Type>{{kBool}} : std::nullopt;
  }
  if (const std::optional<Type> type = typeOfTemporal(op, left, right)) return type;
  if (isOrdering(op)) {
    return numbers || strings ? std::optional<Type>{{kBool}} : std::nullopt;
  }
  if (op == "contains" || op == "startsWith" || op == "endsWith" || op == "matches") {
    return strings ? std::optional<Type>{{kBool}} : std::nullopt;
  }
  if (op == "..") {
    return left.mayBe(kInt) && right.mayBe(kInt) ? std::optional<Type>{{kList, kInt}} : std::nullopt;
  }
  if (op == "%") return left.mayBe(kInt) && right.mayBe(kInt) ? std::optional<Type>{{kInt}} : std::nullopt;
  if (op == "/" || op == "**") return numbers ? std::optional<Type>{{kFloat}} : std::nullopt;
  // + - *
  if (op == "+" && strings) return unknown ? Type{} : Type{kString};
  if (!numbers) return std::nullopt;
  if (unknown) return Type{};
  return Type{left.kind == kInt && right.kind == kInt ? kInt : kFloat};
}

// The type that both branches have; nil goes with everything.
Type either(const Type& left, const Type& right) {
  if (left == right || right.kind == kNil) return left;
  return left.kind == kNil ? right : Type{};
}

// Walks the tree, whose height the parser bounds.
class Checker {
 public:
  // Nothing measured has no type, so that a condition can ask for it first: isNil(result) || result < 0.05.
  explicit Checker(const Type& result) : result_(result.kind == kNil ? Type{} : result) {}

  Result<Type> visit(const Node& node) {
    Result<Type> type = dispatch(node);
    // The innermost node that fails names its place; those around it pass the error on.
    if (!type && !located_) {
      located_ = true;
      type.error().message = node.position + ": " + type.error().message;
    }
    return type;
  }

 private:
  static std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

  Result<Type> dispatch(const Node& node) {
    switch (node.kind) {
      case NodeKind::kLiteral:
        return node.value.isArray() ? Type{kList, kInt} : typeOf(node.value);
      case NodeKind::kResult:
        return result_;
      case NodeKind::kVariable:
        return variable(node);
      case NodeKind::kPointer:
        return pointer(node);
      case NodeKind::kList:
        return list(node);
      case NodeKind::kMap:
        return map(node);
      case NodeKind::kUnary:
        return unary(node);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kComparisons:
        return comparisons(node);
      case NodeKind::kChoice:
        return choice(node);
      case NodeKind::kMember:
        return member(node);
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kSlice:
        return slice(node);
      case NodeKind::kChain:
        return chain(node);
      case NodeKind::kCall:
        return call(node);
      case NodeKind::kMethod:
        return method(node);
      case NodeKind::kPredicate:
        return visit(*node.children[0]);
      case NodeKind::kLet:
        return let(node);
      case NodeKind::kSequence:
        return sequence(node);
    }
    return Type{};
  }

  Result<std::vector<Type>> all(const Node& node) {
    std::vector<Type> types;
    for (const std::unique_ptr<Node>& child : node.children) {
      const Result<Type> type = visit(*child);
      if (!type) return std::unexpected(type.error());
      types.push_back(*type);
    }
    return types;
  }

  Result<Type> variable(const Node& node) const {
    for (auto at = variables_.rbegin(); at != variables_.rend(); ++at) {
      if (at->first == node.text) return at->second;
    }
    return Type{};
  }

  Result<Type> pointer(const Node& node) const {
    if (node.text == "index") return Type{kInt};
    if (node.text == "acc") return Type{};
    return elements_.empty() ? Type{} : elements_.back();
  }

  Result<Type> list(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    Type type{kList};
    if (types->empty()) return type;
    for (const Type& each : *types) {
      if (each.kind != types->front().kind) return type;
    }
    type.element = types->front().kind;
    return type;
  }

  Result<Type> map(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    for (std::size_t i = 0; i < types->size(); i += 2) {
      if (!(*types)[i].mayBe(kString))
        return bad(fmt::format("a key of a map is a string, not {}", toString((*types)[i])));
    }
    return Type{kMap};
  }

  Result<Type> unary(const Node& node) {
    const Result<Type> operand = visit(*node.children[0]);
    if (!operand) return operand;
    if (node.text == "!" && operand->mayBe(kBool)) return Type{kBool};
    if (node.text != "!" && operand->mayBeNumber()) return operand;
    return bad(fmt::format("invalid operation: {} (mismatched type {})", node.text, toString(*operand)));
  }

  static std::unexpected<Error> mismatch(std::string_view op, const Type& left, const Type& right) {
    return bad(fmt::format("invalid operation: {} (mismatched types {} and {})", op, toString(left), toString(right)));
  }

  Result<Type> binary(const Node& node) {
    const Result<std::vector<Type>> both = all(node);
    if (!both) return std::unexpected(both.error());
    const Type& left = (*both)[0];
    const Type& right = (*both)[1];
    if (node.text == "??") return either(left, right);
    if (node.text == "in") return in(left, right);
    if (const Node& pattern = *node.children[1]; node.text == "matches" && pattern.value.isString()) {
      if (Result<void> good = checkPattern(pattern.value.asStringView()); !good) return std::unexpected(good.error());
    }
    if (const std::optional<Type> type = typeOfBinary(node.text, left, right)) return *type;
    return mismatch(node.text, left, right);
  }

  static Result<Type> in(const Type& left, const Type& right) {
    if (right.kind == kMap && !left.mayBe(kString)) {
      return bad(fmt::format("cannot use {} as type string in map key", toString(left)));
    }
    if (right.kind == kList && !comparable(left, Type{right.element})) {
      return bad(fmt::format("cannot use {} as type {} in array", toString(left), toString(Type{right.element})));
    }
    if (right.isUnknown() || right.kind == kMap || right.kind == kList) return Type{kBool};
    return mismatch("in", left, right);
  }

  Result<Type> comparisons(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    for (std::size_t i = 0; i < node.operators.size(); ++i) {
      if (typeOfBinary(node.operators[i], (*types)[i], (*types)[i + 1])) continue;
      return mismatch(node.operators[i], (*types)[i], (*types)[i + 1]);
    }
    return Type{kBool};
  }

  Result<Type> choice(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    const Type& condition = types->front();
    if (!condition.mayBe(kBool)) {
      return bad(fmt::format("non-bool expression (type {}) used as condition", toString(condition)));
    }
    return types->size() == 2 ? either(condition, (*types)[1]) : either((*types)[1], (*types)[2]);
  }

  Result<Type> member(const Node& node) {
    const Result<Type> owner = visit(*node.children[0]);
    if (!owner) return owner;
    if (owner->isUnknown() || owner->kind == kMap || (owner->kind == kNil && node.optional)) return Type{};
    const char* const mend = findMethod(*owner, node.text) != nullptr ? ": it is a method, and called with ()" : "";
    return bad(fmt::format("type {} has no field {}{}", toString(*owner), node.text, mend));
  }

  // Of a map or an unknown value it is a field, which turns out to be no function when it is asked for.
  Result<Type> method(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    const Type& owner = types->front();
    if (owner.isUnknown() || owner.kind == kMap || (owner.kind == kNil && node.optional)) return Type{};
    const Builtin* const found = findMethod(owner, node.text);
    if (found == nullptr) return bad(fmt::format("type {} has no method {}", toString(owner), node.text));
    if (std::optional<std::string> message = misfit(*found, *types)) return bad(std::move(*message));
    return givenType(*found, *types);
  }

  Result<Type> index(const Node& node) {
    const Result<std::vector<Type>> both = all(node);
    if (!both) return std::unexpected(both.error());
    const Type& owner = (*both)[0];
    const Type& key = (*both)[1];
    if (owner.isUnknown() || (owner.kind == kNil && node.optional)) return Type{};
    if (owner.kind == kMap) {
      if (key.mayBe(kString)) return Type{};
      return bad(fmt::format("cannot use {} to get an element from {}", toString(key), toString(owner)));
    }
    if (owner.kind == kList) {
      if (key.mayBe(kInt)) return Type{owner.element};
      return bad(fmt::format("array elements can only be selected using an integer (got {})", toString(key)));
    }
    return bad(fmt::format("type {}[{}] is undefined", toString(owner), toString(key)));
  }

  Result<Type> slice(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    const Type& owner = types->front();
    if (!owner.mayBe(kList) && !owner.mayBe(kString)) return bad(fmt::format("cannot slice {}", toString(owner)));
    for (const Type& bound : {(*types)[1], (*types)[2]}) {
      if (!bound.mayBe(kInt) && bound.kind != kNil) {
        return bad(fmt::format("non-integer slice index {}", toString(bound)));
      }
    }
    return owner;
  }

  // May be nil instead.
  Result<Type> chain(const Node& node) {
    const Result<Type> type = visit(*node.children[0]);
    if (!type) return type;
    return Type{};
  }

  Result<Type> call(const Node& node) {
    const Builtin& builtin = *findBuiltin(node.text);
    std::vector<Type> types;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool asks = wanted(builtin, i) == 'p';
      if (asks) elements_.push_back(Type{types.front().element});
      const Result<Type> type = visit(*node.children[i]);
      if (asks) elements_.pop_back();
      if (!type) return type;
      if (std::optional<std::string> message = misfit(builtin, i, *type)) return bad(std::move(*message));
      types.push_back(*type);
    }
    if (builtin.name == "get" && types[0].kind == kList && !types[1].mayBe(kInt)) {
      return bad(fmt::format("non-integer slice index {}", toString(types[1])));
    }
    if (!isPredicate(builtin) || types.size() < 2) return givenType(builtin, types);
    if (givesVerdict(builtin.name) && !types[1].mayBe(kBool)) {
      return bad(fmt::format("predicate should return boolean (got {})", toString(types[1])));
    }
    if (builtin.name == "sum") return types[1];
    return builtin.name == "map" ? Type{kList, types[1].kind} : givenType(builtin, types);
  }

  static bool givesVerdict(std::string_view name) {
    return name != "map" && name != "sum" && name != "groupBy" && name != "sortBy" && name != "reduce";
  }

  Result<Type> let(const Node& node) {
    const Result<Type> value = visit(*node.children[0]);
    if (!value) return value;
    variables_.emplace_back(node.text, *value);
    const Result<Type> body = visit(*node.children[1]);
    variables_.pop_back();
    return body;
  }

  Result<Type> sequence(const Node& node) {
    const Result<std::vector<Type>> types = all(node);
    if (!types) return std::unexpected(types.error());
    return types->back();
  }

  Type result_;
  std::vector<std::pair<std::string, Type>> variables_;
  std::vector<Type> elements_;  // of the predicates around, innermost last
  bool located_ = false;
};

}  // namespace

Result<Type> check(const Node& root, const Type& result) { return Checker(result).visit(root); }

}  // namespace towpath::expr
