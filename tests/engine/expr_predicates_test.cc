#include "expr_table.h"

namespace towpath::expr {
namespace {

const Value kHosts(Array{Value(Object{{"name", "a"}, {"zone", "x"}, {"errors", 0.5}}),
                         Value(Object{{"name", "b"}, {"zone", "y"}, {"errors", 0.1}}),
                         Value(Object{{"name", "c"}, {"zone", "x"}, {"errors", 0.3}})});

TEST_CASE("functions with a predicate") {
  checkRows({{"all(result, # < 1)", "error 1:15: invalid operation: < (mismatched types map and int)"},
             {"all(result, .errors < 1)", "true"},
             {"any(result, {.errors >= 0.5})", "true"},
             {"none(result, .zone == 'z')", "true"},
             {"one(result, #.zone == 'y')", "true"},
             {"one(result, #.zone == 'x')", "false"},
             {"filter(result, .zone == 'x') | map(.name)", "[\"a\",\"c\"]"},
             {"map(result, #index)", "[0,1,2]"},
             {"find(result, .errors < 0.4).name", "b"},
             {"findLast(result, .errors < 0.4).name", "c"},
             {"find(result, .errors > 4)", "null"},
             {"findIndex(result, .name == 'c')", "2"},
             {"findLastIndex(result, .zone == 'q')", "null"},
             {"count(result, .zone == 'x')", "2"},
             {"count([true, false, true])", "2"},
             {"sum(result, .errors) > 0.8", "true"},
             {"sum([1, 2, 3])", "6"},
             {"sum([])", "0"},
             {"sum(['a'])", "error 1:1: sum needs numbers or durations: string is in it"},
             {"groupBy(result, .zone).x | len()", "2"},
             {"sortBy(result, .errors) | map(.name) | join()", "bca"},
             {"sortBy(result, .errors, 'desc') | map(.name) | join()", "acb"},
             {"reduce([1, 2, 3, 4], #acc * #)", "24"},
             {"reduce([1, 2], #acc + # + #index, 10)", "14"},
             {"reduce([], #acc)", "error 1:1: reduce of empty array with no initial value: give one as the third"},
             {"all([], false)", "true"},
             {"any([], true)", "false"},
             {"any(result, let e = .errors; e > 0.4)", "true"},
             {"all([[1, 2], [3]], all(#, # > 0))", "true"},
             {"map([[1, 2], [3]], {let outer = len(#); map(#, # * outer)})", "[[2,4],[3]]"}},
            kHosts);
}

TEST_CASE("a predicate that cannot be right") {
  checkRows({{"# > 1", "parse 1:1: \"#\" has a meaning inside a predicate only, as in all(result, # < 1)"},
             {".x", "parse 1:1: \".\" has a meaning inside a predicate only, as in all(result, # < 1)"},
             {"all([1], #foo)", "parse 1:10: unknown pointer #foo: there are #, #index and #acc"},
             {"all([1], #)", "parse 1:1: predicate should return boolean (got int)"},
             {"all(result, .name)", "error 1:1: the predicate of all needs bool, not string"},
             {"all(1, true)", "parse 1:1: builtin all takes only array (got int)"},
             {"all([1])", "parse 1:1: all takes 2 argument(s), not 1"},
             {"all([1], {# > 0)", "parse 1:16: expected \"}\""},
             {"map([1], #acc)", "error 1:10: #acc has a meaning in reduce only"}},
            kHosts);
}

}  // namespace
}  // namespace towpath::expr
