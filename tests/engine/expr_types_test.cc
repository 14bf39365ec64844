#include <cmath>

#include "expr_table.h"

namespace towpath::expr {
namespace {

TEST_CASE("what is wrong for the type of the result is an error, reached or not") {
  checkRows({{"result == '5'", "error 1:8: invalid operation: == (mismatched types float64 and string)"},
             {"true || result == '5'", "error 1:16: invalid operation: == (mismatched types float64 and string)"},
             {"result == 5", "false"},
             {"result % 2 == 0", "error 1:8: invalid operation: % (mismatched types float64 and int)"},
             {"7 / 2", "3.5"},
             {"1 / 0 > result", "true"},
             {"result.x", "error 1:8: type float64 has no field x"},
             {"result[0]", "error 1:7: type float64[int] is undefined"},
             {"len(result)", "error 1:1: invalid argument for len (type float64)"},
             {"all(result, true)", "error 1:1: builtin all takes only array (got float64)"},
             {"let r = result; r contains 'a'",
              "error 1:19: invalid operation: contains (mismatched types float64 and string)"}},
            Value(0.5));
}

TEST_CASE("lists of numbers are typed, lists from JSON are not") {
  const Value numbers(Array{0.5, 2.0});
  checkRows({{"result > 1", "error 1:8: invalid operation: > (mismatched types []float64 and int)"},
             {"result[0] == 'a'", "error 1:11: invalid operation: == (mismatched types float64 and string)"},
             {"'a' in result", "error 1:5: cannot use string as type float64 in array"},
             {"all(result, # == 'a')", "error 1:15: invalid operation: == (mismatched types float64 and string)"},
             {"2 in result", "true"},
             {"result['a']", "error 1:7: array elements can only be selected using an integer (got string)"},
             {"result[0] <= 0.95 and result[-1] == 2", "true"},
             {"all(result, # < 1)", "false"},
             {"sum(result)", "2.5"},
             {"len(result) == 0 || isNaN(result[0])", "false"}},
            numbers, Lists::kNumbers);
  checkRows({{"result > 1", "error 1:8: invalid operation: > (mismatched types []interface {} and int)"},
             {"result[0] == 'a'", "false"},
             {"'a' in result", "false"}},
            numbers);
  checkRows({{"result[0] > 1", "error 1:7: index out of range: 0 (list length is 0)"},
             {"len(result) == 0 || isNaN(result[0])", "true"},
             {"isNil(result)", "false"},
             {"default(result, 7)", "[]"}},
            Value(Array{}), Lists::kNumbers);
}

TEST_CASE("nothing measured can be asked for before it is compared") {
  checkRows({{"isNil(result) || result < 0.05", "true"},
             {"default(result, 0) < 0.05", "true"},
             {"result > 1", "error 1:8: invalid operation: > (mismatched types nil and int)"}},
            Value());
}

TEST_CASE("members of a document are known when it is looked at") {
  const Value document(Object{{"n", 5}, {"s", "5"}, {"data", Value(Object{{"ok", true}, {"pct", 91.5}})}});
  checkRows({{"result.n == '5'", "false"},
             {"result.data.ok && result.data.pct >= 90", "true"},
             {"result.missing == nil", "true"},
             {"result.missing > 1", "error 1:16: invalid operation: > (mismatched types nil and int)"},
             {"result.missing.x", "error 1:16: cannot fetch x from nil"},
             {"result.missing?.x == nil", "true"},
             {"upper(result.n)", "error 1:1: cannot use int as argument (type string) to call upper"},
             {"asFloat(result.s) < 6", "true"},
             {"1 in result", "error 1:3: cannot use int as type string in map key"}},
            document);
}

TEST_CASE("conditions that are wrong whatever is measured do not parse") {
  checkRows({{"'1' == 1", "parse 1:5: invalid operation: == (mismatched types string and int)"},
             {"true || 1", "parse 1:6: invalid operation: || (mismatched types bool and int)"},
             {"[1, 2][0] == 'a'", "parse 1:11: invalid operation: == (mismatched types int and string)"},
             {"'a' + 1", "parse 1:5: invalid operation: + (mismatched types string and int)"},
             {"1 < 'a' < 2", "parse 1:3: invalid operation: < (mismatched types int and string)"},
             {"if 1 { 2 } else { 3 }", "parse 1:1: non-bool expression (type int) used as condition"}},
            Value());
}

TEST_CASE("Prometheus and Graphite measure lists of numbers") {
  model::Metric metric;
  metric.success_condition = "result[0] == 'a'";
  metric.providers = {"web"};
  CHECK(analysis::assessResult(Value(Array{0.5}), metric, kNow).phase == model::AnalysisPhase::kFailed);
  metric.providers = {"prometheus"};
  CHECK(analysis::assessResult(Value(Array{0.5}), metric, kNow).phase == model::AnalysisPhase::kError);
}

}  // namespace
}  // namespace towpath::expr
