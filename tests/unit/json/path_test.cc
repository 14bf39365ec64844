#include "json/path.h"

#include <doctest/doctest.h>

#include "json/parse.h"

using namespace towpath;

namespace {

const Value& sample() {
  static const Value kSample = json::parse(R"({
    "kind":"List","n":3,"d":1.5,"big":1e21,"t":true,"null":null,
    "metadata":{"annotations":{"a.b/c":"dotted","plain":"p"}},
    "items":[{"name":"a","v":1,"ports":[80,81],"ready":true},{"name":"b","v":2,"ports":[],"ready":false},
             {"name":"c c","v":3,"ports":[82],"x":"y"}],
    "tree":{"name":"root","kids":{"name":"leaf"}}})")
                                   .value();
  return kSample;
}

std::string print(std::string_view path, json::MissingKeys missing = json::MissingKeys::kAllow) {
  const Result<json::Path> parsed = json::Path::parse(path);
  if (!parsed) return "parse: " + parsed.error().message;
  const Result<std::string> printed = parsed->print(sample(), missing);
  return printed ? *printed : "error: " + printed.error().message;
}

}  // namespace

TEST_CASE("templates print as kubectl prints them") {
  const struct {
    const char* path;
    const char* text;
  } kCases[] = {
      {"{.kind}", "List"},
      {"{$.kind}", "List"},
      {"{@.kind}", "List"},
      {".kind", "List"},
      {"kind", "List"},
      {"items[0].name", "a"},
      {"{.n} and {.d}", "3 and 1.5"},
      {"{.big}", "1e+21"},
      {"{.t}{.null}", "truenull"},
      {"{.items[0]}", R"({"name":"a","v":1,"ports":[80,81],"ready":true})"},
      {"{.items[*].name}", "a b c c"},
      {"{.items[-1].name}", "c c"},
      {"{.items[0:2].name}", "a b"},
      {"{.items[1:].name}", "b c c"},
      {"{.items[:-1].name}", "a b"},
      {"{.items[::2].name}", "a c c"},
      {"{.items[0,2].name}", "a c c"},
      {"{.items[0]['name','v']}", "a 1"},
      {"{.items[*].ports[*]}", "80 81 82"},
      {"{.metadata.annotations['a.b/c']}", "dotted"},
      {"{.metadata.annotations['a\\.b/c']}", "dotted"},
      {"{.metadata.annotations.a\\.b/c}", "dotted"},
      {"{.metadata.annotations.*}", "dotted p"},
      {"{['kind']}", "List"},
      {"{..name}", "a b c c root leaf"},
      {"{.tree..name}", "root leaf"},
      {"{.items[?(@.v>1)].name}", "b c c"},
      {"{.items[?(@.v >= 2)].name}", "b c c"},
      {"{.items[?(@.v != 2)].name}", "a c c"},
      {"{.items[?(@.v == 2.0)].name}", "b"},
      {"{.items[?(@.name == 'c c')].v}", "3"},
      {"{.items[?(@.name==\"a\")].v}", "1"},
      {"{.items[?(@.x)].name}", "c c"},
      {"{.items[?(@.ready==true)].name}", "a"},
      {"{.items[?(@.name=='(')].v}", ""},
      {"{range .items[*]}{.name}={.v}{\"\\n\"}{end}", "a=1\nb=2\nc c=3\n"},
      {"{range .items[*]}[{range .ports[*]}{@},{end}]{end}!", "[80,81,][][82,]!"},
      {"{range .nope[*]}x{end}y", "y"},
      {"{'literal'} {\"tab\\tquote\\\"\"}", "literal tab\tquote\""},
      {"plain text {.kind}", "plain text List"},
      {"{.nope.deeper}", ""},
      {"{.items[9].name}", ""},
      {"{.kind.sub}", ""},
      {"{@}", nullptr},
      {"", nullptr},
  };
  for (const auto& c : kCases) {
    if (!c.text) continue;
    CAPTURE(c.path);
    CHECK(print(c.path) == c.text);
  }
}

TEST_CASE("missing keys are an error where that is asked for") {
  CHECK(print("{.nope}", json::MissingKeys::kFail) == "error: nope is not found");
  CHECK(print("{.items[9]}", json::MissingKeys::kFail) == "error: array index out of bounds: index 9, length 3");
  CHECK(print("{.items[-4]}", json::MissingKeys::kFail) == "error: array index out of bounds: index -1, length 3");
  CHECK(print("{.items[?(@.x=='y')].name}", json::MissingKeys::kFail) == "c c");
  CHECK(print("{.kind[0]}") == "error: a value of type string has no index");
  CHECK(print("{.kind[?(@.x)]}") == "error: a value of type string can't be filtered");
  CHECK(print("{.items[?(@.name > 3)]}") == "error: a filter can't order string and integer");
  CHECK(print("{.items[?(@.ports[*] == 80)]}") == "error: a filter can only compare one element at a time");
}

TEST_CASE("malformed paths are refused") {
  for (const char* path : {"{",
                           "{.a",
                           "{.a[}",
                           "{.a[x]}",
                           "{.a['x}",
                           "{.a[?(@.x]}",
                           "{.a[?(@.x=3)]}",
                           "{.a[?(@.x===3)]}",
                           "{.a[?()]}",
                           "{.a[?(@.x==)]}",
                           "{end}",
                           "{foo}",
                           "{.a....b}",
                           "{...}",
                           "{.a[1:2:3:4]}",
                           "{.a[::0]}",
                           "{.a[]}",
                           "{'x}",
                           "{.a range}",
                           "{1.2.3}",
                           "{.a[99999999999999999999]}",
                           "{#}",
                           "{'\\z'}",
                           "{.a[1,]}",
                           "{.a[,]}"}) {
    CAPTURE(path);
    CHECK_FALSE(json::Path::parse(path).has_value());
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{range .a}";
  CHECK_FALSE(json::Path::parse(deep).has_value());
  std::string filters;
  for (int i = 0; i < 1000; ++i) filters += "[?(";
  CHECK_FALSE(json::Path::parse("{" + filters + "}").has_value());
}

TEST_CASE("results can be had as values, and their number is bounded") {
  const json::Path path = json::Path::parse("text {.items[*].v}").value();
  const auto found = path.find(sample()).value();
  REQUIRE(found.size() == 3);
  CHECK(*found[2] == Value(3));

  Value deep = Value(1);
  for (int i = 0; i < 80; ++i) deep = Value(Object{{"a", std::move(deep)}});
  const json::Path hungry = json::Path::parse("{..a..a..a..a..a}").value();
  CHECK(hungry.find(deep).error().kind == ErrorKind::kTooLarge);
}
