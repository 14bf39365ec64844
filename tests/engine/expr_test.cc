#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/analysis/assess.h"
#include "engine/expr/expr.h"

namespace towpath {
namespace {

std::string eval(const std::string& text, const Value& result) {
  const Result<expr::Expression> parsed = expr::Expression::parse(text);
  if (!parsed) return "parse " + parsed.error().message;
  const Result<Value> value = parsed->evaluate(result, WallTime());
  return value ? analysis::valueText(*value) : "error " + value.error().message;
}

const Value kMap(Object{{"ok", true},
                        {"pct", 91.5},
                        {"n", 5},
                        {"name", "blue"},
                        {"list", Value(Array{1, 2.5, 3})},
                        {"none", nullptr},
                        {"deep", Value(Object{{"a.b", 7}})}});

TEST_CASE("expressions") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"7 / 2", "3.5"},
      {"7 % 4", "3"},
      {"2 ** 3 ** 2", "512"},
      {"-2 ^ 2", "-4"},
      {"1_000 + 0x10", "1016"},
      {".5 + 1e1", "10.5"},
      {"'a' + \"b\" + `c`", "abc"},
      {"'it\\'s'", "it's"},
      {"[1, 2][1]", "2"},
      {"[1, 2][-1]", "2"},
      {"[]", "[]"},
      {"1 < 2 and 2 < 3", "true"},
      {"1 > 2 or 2 > 1", "true"},
      {"1 > 2 || false", "false"},
      {"not (1 > 2)", "true"},
      {"!true", "false"},
      {"true ? 1 : 2", "1"},
      {"false ? 1 : true ? 2 : 3", "2"},
      {"nil ?? 4", "4"},
      {"(nil ?? 4) < 5", "true"},
      {"1 == 1.0", "true"},
      {"1 != 2", "true"},
      {"'b' > 'a'", "true"},
      {"2 in [1, 2.0]", "true"},
      {"2 not in [1, 3]", "true"},
      {"'ok' in result", "true"},
      {"'abc' contains 'b'", "true"},
      {"'abc' startsWith 'ab'", "true"},
      {"'abc' endsWith 'ab'", "false"},
      {"result.ok && result.pct >= 90", "true"},
      {"result['name'] == 'blue'", "true"},
      {"result.list[1] > 2", "true"},
      {"result.deep['a.b']", "7"},
      {"result.missing == nil", "true"},
      {"result.none?.x == nil", "true"},
      {"result.missing?.x ?? 3", "3"},
      {"len(result.list) == 3", "true"},
      {"len('grün')", "4"},
      {"asInt('12') + asInt(3.9)", "15"},
      {"asFloat('0.5') < 1", "true"},
      {"isNaN(0.0 / 0)", "true"},
      {"isInf(-1 / 0)", "true"},
      {"isNil(result.missing)", "false"},  // looks at the result, as the peer does
      {"default(result.missing, 1) == result", "true"},
      {"false && result.missing.x", "false"},  // not evaluated
      {"true || result.missing.x", "true"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(eval(row.text, kMap) == row.want);
  }
}

TEST_CASE("errors name their place") {
  struct Row {
    const char* text;
    const char* want;
  };
  const Row rows[] = {
      {"", "parse 1:1: the expression ends too early"},
      {"1 +", "parse 1:4: the expression ends too early"},
      {"(1", "parse 1:3: expected \")\""},
      {"1 2", "parse 1:3: unexpected \"literal\""},
      {"foo > 1", "parse 1:1: unknown name foo"},
      {"foo(1)", "parse 1:1: unknown function foo"},
      {"len()", "parse 1:1: len takes 1 argument(s), not 0"},
      {"'abc", "parse 1:1: the string is not closed"},
      {"'a\\q'", "parse 1:3: unknown escape in a string: a backslash itself is \\\\"},
      {"1 ~ 2", "parse 1:3: unexpected character '~'"},
      {"true ? 1", "parse 1:9: expected \":\" of the choice"},
      {"nil ?? 1 < 2", "parse 1:10: \"??\" beside another operator needs parentheses"},
      {"99999999999999999999", "parse 1:1: \"99999999999999999999\" is no number, or too large for one"},
      {"result.\n  pct > 'x'", "error 2:7: invalid operation: > (mismatched types float64 and string)"},
      {"result.list[9]", "error 1:12: index out of range: 9 (list length is 3)"},
      {"result.missing > 1", "error 1:16: invalid operation: > (mismatched types nil and int)"},
      {"result.missing.x", "error 1:16: cannot fetch x from nil"},
      {"1.5 % 2", "parse 1:5: invalid operation: % (mismatched types float64 and int)"},
      {"1 % 0", "error 1:3: integer divide by zero"},
      {"1 and true", "parse 1:3: invalid operation: && (mismatched types int and bool)"},
      {"!1", "parse 1:1: invalid operation: ! (mismatched type int)"},
      {"1 ? 2 : 3", "parse 1:3: non-bool expression (type int) used as condition"},
      {"9223372036854775807 + 1", "error 1:21: the result of + is out of range"},
      {"asInt('x')", "error 1:1: asInt: \"x\" is no whole number"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(eval(row.text, kMap) == row.want);
  }
}

TEST_CASE("expressions have bounds") {
  const auto repeat = [](const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  CHECK(eval(repeat("(", 2000) + "1" + repeat(")", 2000), Value()).starts_with("parse 1:"));
  CHECK(eval(repeat("!", 2000) + "true", Value()).starts_with("parse 1:"));
  CHECK(eval("1" + repeat(" + 1", 3000), Value()).starts_with("parse 1:"));
  CHECK(eval("result" + repeat(".a", 3000), Value()).starts_with("parse 1:"));
  CHECK(eval("[" + repeat("[", 3000), Value()).starts_with("parse 1:"));
  CHECK(eval(repeat(" ", 20000), Value()).starts_with("parse 1:1: the expression is longer"));
  CHECK(eval("1" + repeat(" + 1", 300), Value()) == "301");
}

TEST_CASE("NaN is neither greater nor equal, so that a condition on it fails") {
  const Value nan(std::numeric_limits<double>::quiet_NaN());
  CHECK(eval("result >= 0.95", nan) == "false");
  CHECK(eval("result == result", nan) == "false");
  CHECK(eval("isNaN(result)", nan) == "true");
}

TEST_CASE("conditions of a metric") {
  using model::AnalysisPhase;
  const auto verdict = [](const char* success, const char* failure, const Value& result) {
    model::Metric metric;
    metric.success_condition = success;
    metric.failure_condition = failure;
    return analysis::assessResult(result, metric, WallTime());
  };
  CHECK(verdict("", "", Value(1)).phase == AnalysisPhase::kSuccessful);
  CHECK(verdict("", "", Value()).phase == AnalysisPhase::kSuccessful);
  CHECK(verdict("result < 0.05", "", Value(0.01)).phase == AnalysisPhase::kSuccessful);
  CHECK(verdict("result < 0.05", "", Value(0.1)).phase == AnalysisPhase::kFailed);
  CHECK(verdict("", "result >= 0.05", Value(0.1)).phase == AnalysisPhase::kFailed);
  CHECK(verdict("", "result >= 0.05", Value(0.01)).phase == AnalysisPhase::kSuccessful);
  CHECK(verdict("result < 1", "result > 2", Value(1.5)).phase == AnalysisPhase::kInconclusive);
  CHECK(verdict("result < 3", "result > 1", Value(2)).phase == AnalysisPhase::kFailed);
  CHECK(
      verdict("result < 0.05", "", Value()).message ==
      "could not evaluate successCondition \"result < 0.05\": metric result is nil or empty: no data returned from the "
      "metric provider");
  CHECK(verdict("result[0] < 1", "", Value(Array{})).phase == AnalysisPhase::kError);
  CHECK(verdict("result", "", Value(1.5)).message ==
        "could not evaluate successCondition \"result\": expected bool, but got float64");
  CHECK(verdict("result <", "", Value(1)).message.find("1:9") != std::string::npos);
  CHECK(verdict("default(result, 0) < 0.05", "", Value()).phase == AnalysisPhase::kSuccessful);
}

TEST_CASE("values as a measurement shows them") {
  CHECK(analysis::valueText(Value(0.1)) == "0.1");
  CHECK(analysis::valueText(Value(1e21)) == "1000000000000000000000");
  CHECK(analysis::valueText(Value(std::numeric_limits<double>::quiet_NaN())) == "NaN");
  CHECK(analysis::valueText(Value(std::numeric_limits<double>::infinity())) == "+Inf");
  CHECK(analysis::valueText(Value(Array{1, 0.5, "a"})) == "[1,0.5,\"a\"]");
  CHECK(analysis::valueText(Value(Object{{"b", 1}, {"a", nullptr}})) == "{\"a\":null,\"b\":1}");
  CHECK(analysis::valueText(Value("plain")) == "plain");
}

}  // namespace
}  // namespace towpath
