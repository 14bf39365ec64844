// The conditions of analyses. The first line is the condition, the rest the JSON that was measured.

#include "engine/expr/expr.h"

#include "fuzz.h"
#include "json/parse.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  const auto [condition, measured] = cut(input);
  const Result<expr::Expression> expression = expr::Expression::parse(condition);
  if (!expression) {
    require(!expression.error().message.empty(), "an error says what is wrong");
    return;
  }
  const Value result = json::parse(measured).value_or(Value(0.02));
  const WallTime now(1'700'000'000s);
  const Result<Value> value = expression->evaluate(result, now);
  const Result<bool> verdict = expression->test(result, now);
  require(value || !verdict, "no verdict without a value");
  if (value) require(verdict.has_value() == value->isBool(), "only a boolean is a verdict");
}

}  // namespace towpath::fuzz
