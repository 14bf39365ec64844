#include "expr_table.h"

namespace towpath::expr {
namespace {

const Value kDocument(Object{{"items", Value(Array{Value(Object{{"n", 1}}), Value(Object{{"n", 2}})})},
                             {"none", nullptr},
                             {"in", 4},
                             {"text", "rollout"}});

TEST_CASE("numbers, strings and comments of conditions") {
  checkRows({{"0b101 + 0o17 + 0x1F", "51"},
             {"1_000.5", "1000.5"},
             {"1E+3", "1000"},
             {"12abc", "parse 1:1: \"12abc\" is no number, or too large for one"},
             {"0b12", "parse 1:1: \"0b12\" is no number, or too large for one"},
             {"1 /* one */ + // two\n 2", "3"},
             {"1 /* open", "parse 1:3: the comment is not closed: \"*/\" is missing"},
             {R"("\x41\101\u00e9\u{1F600}\U0001F600")", "AA\u00e9\U0001F600\U0001F600"},
             {R"("\a\b\f\v\\\"\'" == 'x')", "false"},
             {R"("\ud800")", "parse 1:2: the escape names no character"},
             {R"("\xg1")", "parse 1:2: the escape names no character"},
             {R"(`a\n``b`)", "a\\n`b"},
             {"`two\nlines` == \"two\\nlines\"", "true"},
             {"b'a\\x00\\xff\\101'", "[97,0,255,65]"},
             {"b\"\u00e9\"", "[195,169]"},
             {"b'abc' == [97, 98, 99] and 98 in b'abc' and len(b'abc') == 3 and sum(b'ab') == 195", "true"},
             {"b'abc'[1:]", "[98,99]"},
             {"b'a' + b'b'", "parse 1:6: invalid operation: + (mismatched types []int and []int)"},
             {"b'\\u00e9'", "parse 1:3: unknown escape in a string: a backslash itself is \\\\"},
             {"b'\\400'", "parse 1:3: unknown escape in a string: a backslash itself is \\\\"},
             {"b`abc`", "parse 1:1: unknown name b"},
             {"let b = 5; b > 4", "true"}},
            Value());
}

TEST_CASE("variables, sequences, choices and pipes of conditions") {
  checkRows({{"let x = 2; let y = x + 1; x * y", "6"},
             {"(let x = 2; x) + 1", "3"},
             {"let result = 1; 2", "parse 1:5: cannot redeclare result: choose another name"},
             {"let len = 1; 2", "parse 1:5: cannot redeclare len: choose another name"},
             {"let x = 1; let x = 2; x", "parse 1:16: cannot redeclare x: choose another name"},
             {"(let x = 1; x) + x", "parse 1:18: unknown name x"},
             {"1; 2; 3", "3"},
             {"if 1 < 2 { 'yes' } else { 'no' }", "yes"},
             {"if false { 1 } else if false { 2 } else { 3 }", "3"},
             {"result.none ?? 5", "5"},
             {"true ?: false", "true"},
             {"'a,b' | split(',') | len()", "2"},
             {"result.text | upper() | hasPrefix('ROLL')", "true"},
             {"1 | 2", "parse 1:5: expected a function after \"|\": x | f()"},
             {"::len([1])", "1"}},
            kDocument);
}

TEST_CASE("ranges, slices, chains and comparisons of conditions") {
  checkRows({{"1..3", "[1,2,3]"},
             {"3..1", "[]"},
             {"len(1..10)", "10"},
             {"2 in 1..3", "true"},
             {"(1..5)[1:3]", "[2,3]"},
             {"(1..5)[-2:]", "[4,5]"},
             {"(1..5)[:99]", "[1,2,3,4,5]"},
             {"(1..5)[4:2]", "[]"},
             {"result.text[0:4]", "roll"},
             {"result.text[:'a']", "parse 1:12: non-integer slice index string"},
             {"result.items[1].n", "2"},
             {"result?.none?.a.b.c", "null"},
             {"result.none?.[0].x == nil", "true"},
             {"(result.none?.a).b", "error 1:18: cannot fetch b from nil"},
             {"result.in + 1", "5"},
             {"$env.result.in", "4"},
             {"{a: 1, 'b c': 2, (result.text): 3}", "{\"a\":1,\"b c\":2,\"rollout\":3}"},
             {"{a: {b: [1, 2]}}.a.b[1]", "2"},
             {"1 < 2 <= 2 < 3", "true"},
             {"1 < 2 < 2", "false"},
             {"'text' in result", "true"},
             {"'text' not in result", "false"},
             {"not ('text' in result)", "false"},
             {"result.text not startsWith 'x'", "true"},
             {"'a'.len()", "parse 1:5: type string has no method len"}},
            kDocument);
}

TEST_CASE("nil beside operators of text, and numbers with a point at their end") {
  checkRows({{"result.gone contains 'a' or 'a' startsWith result.gone or result.gone matches 'a'", "false"},
             {"result.gone in {a: 1}", "false"},
             {"1.e3 + 5.", "1005"},
             {"1 in nil", "parse 1:3: invalid operation: in (mismatched types int and nil)"}},
            kDocument);
}

TEST_CASE("matches") {
  checkRows({{"result.text matches '^roll(out|back)$'", "true"},
             {"result.text matches 'ROLL'", "false"},
             {"result.text matches '(?i)ROLL'", "true"},
             {"result.text not matches '[0-9]+'", "true"},
             {"1 matches 'a'", "parse 1:3: invalid operation: matches (mismatched types int and string)"}},
            kDocument);
  // RE2, as in Go.
  checkRows({{"'release-1.22' matches `^release-(?P<major>\\d+)\\.(\\d+)$`", "true"},
             {"'Zürich' matches `^Z\\pLrich$` and 'a\\nb' matches '(?s)a.b' and 'a\\nb' matches '(?m)^b$'", "true"},
             {"'a<' matches `(?<name>a)[(?<]`", "true"},
             {"'a' matches '{' or 'a' matches '[[:digit:]]'", "false"},
             {"'ab' matches '(a?){200}b'", "true"},
             {"result.text matches '('", "parse 1:13: \"(\" is no regular expression: missing ): ("},
             {"'a' matches '(?=a)'", "parse 1:5: \"(?=a)\" is no regular expression: invalid perl operator: (?="},
             {"'a' matches `\\C`", "parse 1:5: \"\\C\" is no regular expression: invalid escape sequence: \\C"},
             {"'a' matches '((a{99}){99}){99}'",
              "parse 1:5: \"((a{99}){99}){99}\" is no regular expression: invalid repetition size: {99}"},
             {"'x' matches 'a)|(x'", "parse 1:5: \"a)|(x\" is no regular expression: unexpected ): a)|(x"}},
            kDocument);
  CHECK(eval("'a' matches result", Value("(")) == "error 1:5: \"(\" is no regular expression: missing ): (");
}

TEST_CASE("conditions cannot use up the machine") {
  const auto refused = [](const char* text, const char* why) {
    const std::string got = eval(text, Value());
    CAPTURE(std::string(text));
    CHECK(got.starts_with("error 1:"));
    CHECK(got.find(why) != std::string::npos);
  };
  refused("1..9223372036854775807", "memory budget exceeded");
  refused("-9223372036854775807..9223372036854775807", "memory budget exceeded");
  refused("repeat('x', 1000000000)", "memory budget exceeded");
  refused("reduce(1..60, #acc + #acc, 'xxxxxxxx')", "memory budget exceeded");
  refused("reduce(1..200, [#acc], 0)", "nests deeper");
  refused("all(1..1000, all(1..1000, any(1..1000, false) == false))", "");
  refused("let l = 1..10000; all(l, 0 not in l)", "too many steps");
  refused("replace(repeat('a', 10000), '', repeat('b', 10000))", "memory budget exceeded");
  refused("join(map(1..10000, 'a'), repeat('b', 10000))", "memory budget exceeded");
  refused("any(1..1000, repeat('a', 5000) matches '(a|aa)+b')", "too many steps");
  refused("repeat('a', 100000) matches '((a?){50}a{50}){9}'", "too many steps");
}

}  // namespace
}  // namespace towpath::expr
