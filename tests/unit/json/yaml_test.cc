#include "json/yaml.h"

#include <doctest/doctest.h>

#include "json/parse.h"
#include "json/serialize.h"

using namespace towpath;

namespace {

std::string read(std::string_view text) {
  const Result<Value> value = json::parseYamlDocument(text);
  return value ? json::serialize(*value) : value.error().message;
}

std::string repeat(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

}  // namespace

TEST_CASE("scalars mean what they mean to kubectl") {
  const struct {
    const char* yaml;
    const char* json;
  } kCases[] = {
      {"a: 1", R"({"a":1})"},
      {"a: 1.5", R"({"a":1.5})"},
      {"a: '1'", R"({"a":"1"})"},
      {"a: yes", R"({"a":true})"},
      {"a: Off", R"({"a":false})"},
      {"a: n", R"({"a":false})"},
      {"a: tRue", R"({"a":"tRue"})"},
      {"a: ~", R"({"a":null})"},
      {"a:", R"({"a":null})"},
      {"a: 0644", R"({"a":420})"},
      {"a: 0o17", R"({"a":15})"},
      {"a: 0x1F", R"({"a":31})"},
      {"a: -0b11", R"({"a":-3})"},
      {"a: 1_000", R"({"a":1000})"},
      {"a: 08", R"({"a":8})"},
      {"a: +12", R"({"a":12})"},
      {"a: .5", R"({"a":0.5})"},
      {"a: 1e3", R"({"a":1000})"},
      {"a: 5.", R"({"a":5})"},
      {"a: 1.2.3", R"({"a":"1.2.3"})"},
      {"a: -", "invalid YAML at line 1, column 4: block sequence entries are not allowed in this context"},
      {"a: 12:30", R"({"a":"12:30"})"},
      {"a: 2026-11-23", R"({"a":"2026-11-23"})"},
      {"a: 9223372036854775807", R"({"a":9223372036854775807})"},
      {"a: -9223372036854775808", R"({"a":-9223372036854775808})"},
      {"a: 18446744073709551615", R"({"a":18446744073709552000})"},
      {"a: 64Mi", R"({"a":"64Mi"})"},
      {"a: 500m", R"({"a":"500m"})"},
      {"a: !!str 1", R"({"a":"1"})"},
      {"a: !!int \"3\"", R"({"a":3})"},
      {"a: !!float 3", R"({"a":3})"},
      {"a: !mine 3", R"({"a":"3"})"},
      {"1: x", R"({"1":"x"})"},
      {"yes: x", R"({"true":"x"})"},
      {"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
      {"a: >-\n  x\n  y\n", R"({"a":"x y"})"},
      {"{a: [1, {b: c}], d: \"\\u00e9\"}", "{\"a\":[1,{\"b\":\"c\"}],\"d\":\"\u00e9\"}"},
      {"\xef\xbb\xbf"
       "a: 1",
       R"({"a":1})"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.yaml);
    CHECK(read(c.yaml) == c.json);
  }
}

TEST_CASE("anchors, aliases and merge keys are expanded") {
  CHECK(read("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3, r: 4}") ==
        R"({"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"q":3,"r":4,"p":1}})");
  CHECK(read("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc:\n  <<: [*x, *y]\n") ==
        R"({"a":{"p":1},"b":{"p":2,"q":2},"c":{"p":1,"q":2}})");
  CHECK(read("a: *nope").find("unknown anchor \"nope\"") != std::string::npos);
  CHECK(read("a: &x [*x]").find("unknown anchor") != std::string::npos);
  CHECK(read("a:\n  <<: 3").find("only mappings can be merged") != std::string::npos);
}

TEST_CASE("many documents, with the line each begins at; empty ones are left out") {
  const auto documents = json::parseYaml("---\n# nothing\n---\na: 1\n---\n\n---\nb: 2\n...\n").value();
  REQUIRE(documents.size() == 2);
  CHECK(documents[0].line == 4);
  CHECK(json::serialize(documents[1].value) == R"({"b":2})");
  CHECK(json::parseYaml("").value().empty());
  CHECK_FALSE(json::parseYamlDocument("a: 1\n---\nb: 1").has_value());
  CHECK_FALSE(json::parseYamlDocument("# nothing").has_value());
}

TEST_CASE("errors carry the line") {
  CHECK(read("a: 1\nb:\n\t- x").find("line 3") != std::string::npos);
  CHECK(read("a: 1\nb: 2\na: 3") == "invalid YAML at line 3, column 1: the key \"a\" is given twice");
  CHECK(read("a: .inf").find(".inf has no place in JSON") != std::string::npos);
  CHECK(read("a: !!int x").find("is not a !!int") != std::string::npos);
  CHECK(read("? [1, 2]\n: x").find("a key must be text") != std::string::npos);
  for (const char* text : {"a: [1", "a: 'x", "a: b: c", "- a\nb: c", "{a: 1", "\x01", "a: \xff", "%", "@", "&", "*",
                           "!", "a: \"\\z\"", "a: {b", "]", "}", "[}", "? ", "<<: *x"}) {
    CAPTURE(text);
    const auto result = json::parseYaml(text);
    if (!result) CHECK(result.error().message.starts_with("invalid YAML at "));
  }
}

TEST_CASE("duplicates are reported with their path if asked for") {
  std::vector<std::string> duplicates;
  const Value value = json::parseYamlDocument("a:\n- x: 1\n  x: 2\n", {.duplicates = &duplicates}).value();
  CHECK(json::serialize(value) == R"({"a":[{"x":2}]})");
  CHECK(duplicates == std::vector<std::string>{"a[0].x"});
}

TEST_CASE("hostile documents meet a limit") {
  const auto kindOf = [](const std::string& text) { return json::parseYaml(text).error().kind; };
  CHECK(kindOf(repeat("[", 200) + repeat("]", 200)) == ErrorKind::kTooLarge);
  std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += fmt::format("a{}: &a{} [{}{}]\n", i, i, repeat(last + ",", 9), last);
  }
  CHECK(kindOf(laughs) == ErrorKind::kTooLarge);
  CHECK(kindOf("a: &a x\nb: [" + repeat("*a,", 2000) + "]") == ErrorKind::kTooLarge);
  std::string wide;
  for (int i = 0; i < 20001; ++i) wide += "k" + std::to_string(i) + ": 1\n";
  CHECK(kindOf(wide) == ErrorKind::kTooLarge);
  CHECK_FALSE(json::parseYaml(repeat("{a: ", 100000)).has_value());
}

TEST_CASE("the lines of fields are kept where they are asked for, each document's its own") {
  const auto documents = json::parseYaml("a:\n  b.c: 1\n  list:\n    - x\n    - {p: 2,\n       q: 3}\n---\nd: 4\n",
                                         {.lines = json::YamlLines::kFields});
  REQUIRE(documents.has_value());
  REQUIRE(documents->size() == 2);
  std::vector<std::string> lines;
  for (const auto& [path, line] : documents->front().lines) lines.push_back(fmt::format("{}:{}", path, line));
  CHECK(fmt::format("{}", fmt::join(lines, " ")) ==
        "a:1 a.list:3 a.list[0]:4 a.list[1]:5 a.list[1].p:5 a.list[1].q:6 a[b.c]:2");
  CHECK(documents->back().lines == std::map<std::string, std::size_t>{{"d", 8}});
  CHECK(json::parseYaml("a: 1")->front().lines.empty());
}

TEST_CASE("objects print as kubectl -o yaml prints them") {
  const Value value =
      json::parse(R"({"kind":"X","b":[{"name":"n","ports":[1,2]},["p",[]],{}],"a":{"z":{},"t":"true","n":"1",
      "e":"","s":"a: b","m":"l1\nl2\n","k":"l1\nl2","d":"2026-11-23T13:00:00Z","q":"it's","u":"é","v":null,"x":1.5,"y":true}})")
          .value();
  CHECK(json::toYaml(value) == R"(a:
  d: "2026-11-23T13:00:00Z"
  e: ""
  k: |-
    l1
    l2
  m: |
    l1
    l2
  "n": "1"
  q: it's
  s: 'a: b'
  t: "true"
  u: é
  v: null
  x: 1.5
  "y": true
  z: {}
b:
- name: "n"
  ports:
  - 1
  - 2
- - p
  - []
- {}
kind: X
)");
}

TEST_CASE("every text survives a round trip, as a value and as a key") {
  const char* kTexts[] = {"",           " ",     "a ",         " a",         "\n",    "a\n",     "\na",     "a\n\n",
                          "a\n\n\nb\n", " a\nb", "a \nb",      "a\tb",       "\t",    "-",       "- a",     "-a",
                          "?",          "? a",   ":",          "a:",         ": a",   "a: b",    "a :b",    "a #b",
                          "a#b",        "#",     "'",          "\"",         "\\",    "%a",      "@a",      "`a",
                          "*a",         "&a",    "!a",         "|",          ">",     "[",       "{a}",     "]",
                          ",",          "a,b",   "---",        "...",        "--- a", "null",    "~",       "yes",
                          "No",         "1",     "0x1",        "1e3",        ".5",    "+1",      "1_000",   "12:30",
                          "<<",         "=",     ".inf",       "2026-01-01", "\x01",  "\x7f",    "\u0085",  "\u2028x",
                          "\ufeff",     "é",     "\U0001F600", "a\r\nb",     "a\rb",  "x\n y\n", "tail \n", "on",
                          "0",          "-0",    "!!str",      "a\n ",       "%",     "y"};
  for (const char* text : kTexts) {
    CAPTURE(text);
    for (const Value& value :
         {Value(text), Value(Object{{"k", text}}), Value(Object{{text, 1}}), Value(Array{text, Array{text}}),
          Value(Object{{"a", Array{Object{{text, text}, {"z", 1}}}}, {"b", 1}})}) {
      const std::string yaml = json::toYaml(value);
      CAPTURE(yaml);
      const Result<Value> again = json::parseYamlDocument(yaml);
      REQUIRE(again.has_value());
      CHECK(*again == value);
    }
  }
}
