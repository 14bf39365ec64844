#include "engine/expr/expr.h"

#include "engine/expr/builtins.h"
#include "engine/expr/node.h"
#include "engine/expr/operators.h"
#include "engine/expr/parser.h"

namespace towpath::expr {
namespace {

// Walks the tree. Its depth is bounded by the parser, its steps here.
class Evaluation {
 public:
  explicit Evaluation(const Value& result) : result_(result) {}

  Result<Value> run(const Node& node) {
    if (++steps_ > kMaxSteps) return fail(ErrorKind::kTooLarge, "the expression takes too many steps");
    Result<Value> value = dispatch(node);
    // The innermost node that fails names its place; those around it pass the error on.
    if (!value && !located_) {
      located_ = true;
      value.error().message = node.position + ": " + value.error().message;
    }
    return value;
  }

 private:
  Result<Value> dispatch(const Node& node) {
    switch (node.kind) {
      case NodeKind::kLiteral:
        return node.value;
      case NodeKind::kResult:
        return result_;
      case NodeKind::kList:
        return list(node);
      case NodeKind::kUnary:
        return unary(node);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kChoice:
        return choice(node);
      case NodeKind::kMember:
      case NodeKind::kOptional:
        return member(node);
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kCall:
        return call(node);
    }
    return Value();
  }

  Result<std::vector<Value>> all(const Node& node) {
    std::vector<Value> values;
    for (const std::unique_ptr<Node>& child : node.children) {
      Result<Value> value = run(*child);
      if (!value) return std::unexpected(value.error());
      values.push_back(std::move(*value));
    }
    return values;
  }

  Result<Value> list(const Node& node) {
    Result<std::vector<Value>> values = all(node);
    if (!values) return std::unexpected(values.error());
    return Value(Array(std::move(*values)));
  }

  Result<Value> unary(const Node& node) {
    Result<Value> operand = run(*node.children[0]);
    if (!operand) return operand;
    return applyUnary(node.text, *operand);
  }

  Result<Value> binary(const Node& node) {
    Result<Value> left = run(*node.children[0]);
    if (!left) return left;
    if (node.text == "&&" || node.text == "||") return logical(node, *left);
    if (node.text == "??") return left->isNull() ? run(*node.children[1]) : std::move(left);
    Result<Value> right = run(*node.children[1]);
    if (!right) return right;
    return applyBinary(node.text, *left, *right);
  }

  Result<Value> logical(const Node& node, const Value& left) {
    const bool* first = left.ifBool();
    if (first == nullptr) return notBoolean(node.text, left);
    if (*first == (node.text == "||")) return left;
    Result<Value> right = run(*node.children[1]);
    if (right && !right->isBool()) return notBoolean(node.text, *right);
    return right;
  }

  static std::unexpected<Error> notBoolean(std::string_view op, const Value& value) {
    return fail(ErrorKind::kInvalid, fmt::format("invalid operation: {} needs bool, not {}", op, typeName(value)));
  }

  Result<Value> choice(const Node& node) {
    Result<Value> condition = run(*node.children[0]);
    if (!condition) return condition;
    const bool* yes = condition->ifBool();
    if (yes == nullptr) return notBoolean("?:", *condition);
    return run(*node.children[*yes ? 1 : 2]);
  }

  Result<Value> member(const Node& node) {
    Result<Value> owner = run(*node.children[0]);
    if (!owner) return owner;
    if (owner->isNull() && node.kind == NodeKind::kOptional) return Value();
    return fetch(*owner, Value(node.text));
  }

  Result<Value> index(const Node& node) {
    Result<std::vector<Value>> both = all(node);
    if (!both) return std::unexpected(both.error());
    return fetch((*both)[0], (*both)[1]);
  }

  // A missing key of a map is nil; a place outside a list is an error.
  static Result<Value> fetch(const Value& owner, const Value& key) {
    if (owner.isObject() && key.isString()) return owner[key.asStringView()];
    if (owner.isArray() && key.isInt()) {
      const auto size = static_cast<std::int64_t>(owner.asArray().size());
      const std::int64_t at = key.asInt() < 0 ? key.asInt() + size : key.asInt();
      if (at >= 0 && at < size) return owner.asArray()[static_cast<std::size_t>(at)];
      return fail(ErrorKind::kInvalid, fmt::format("index out of range: {} (list length is {})", key.asInt(), size));
    }
    const std::string name = key.isString() ? key.asString() : std::string(typeName(key));
    return fail(ErrorKind::kInvalid, fmt::format("cannot fetch {} from {}", name, typeName(owner)));
  }

  Result<Value> call(const Node& node) {
    Result<std::vector<Value>> arguments = all(node);
    if (!arguments) return std::unexpected(arguments.error());
    return findBuiltin(node.text)->call(*arguments, result_);
  }

  const Value& result_;
  int steps_ = 0;
  bool located_ = false;
};

}  // namespace

Expression::Expression(std::unique_ptr<Node> root) : root_(std::move(root)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::parse(std::string_view text) {
  Result<std::unique_ptr<Node>> root = parseTree(text);
  if (!root) return std::unexpected(root.error());
  return Expression(std::move(*root));
}

Result<Value> Expression::evaluate(const Value& result) const { return Evaluation(result).run(*root_); }

Result<bool> Expression::test(const Value& result) const {
  const Result<Value> value = evaluate(result);
  if (!value) return std::unexpected(value.error());
  if (const bool* flag = value->ifBool()) return *flag;
  return fail(ErrorKind::kInvalid, fmt::format("expected bool, but got {}", typeName(*value)));
}

}  // namespace towpath::expr
