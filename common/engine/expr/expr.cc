#include "engine/expr/expr.h"

#include "engine/expr/builtins.h"
#include "engine/expr/check.h"
#include "engine/expr/evaluation.h"
#include "engine/expr/node.h"
#include "engine/expr/parser.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {

Expression::Expression(std::unique_ptr<Node> root) : root_(std::move(root)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::parse(std::string_view text, Names names) {
  Result<std::unique_ptr<Node>> root = parseTree(text, names);
  if (!root) return std::unexpected(root.error());
  if (Result<Type> type = check(**root, Type{}); !type) return std::unexpected(type.error());
  return Expression(std::move(*root));
}

Result<Type> Expression::typeFor(const Type& result) const { return check(*root_, result); }

Result<Value> Expression::evaluate(const Value& result, WallTime now, Lists lists) const {
  Type type = typeOf(result);
  if (type.kind == TypeKind::kList && lists == Lists::kNumbers) type.element = TypeKind::kFloat;
  if (Result<Type> checked = check(*root_, type); !checked) return std::unexpected(checked.error());
  return evaluateTree(*root_, result, now);
}

Result<bool> Expression::test(const Value& result, WallTime now, Lists lists) const {
  const Result<Value> value = evaluate(result, now, lists);
  if (!value) return std::unexpected(value.error());
  if (const bool* flag = value->ifBool()) return *flag;
  return fail(ErrorKind::kInvalid, fmt::format("expected bool, but got {}", typeName(*value)));
}

Result<WallTime> Expression::time(WallTime now) const {
  const Result<Value> value = evaluate(Value(), now);
  if (!value) return std::unexpected(value.error());
  if (const auto* const instant = contentOf<calendar::Instant>(*value)) return calendar::toWallTime(*instant);
  return fail(ErrorKind::kInvalid, fmt::format("expected time.Time, but got {}", typeName(*value)));
}

}  // namespace towpath::expr
