#include "json/parse.h"

#include <doctest/doctest.h>

#include <limits>

#include "json/serialize.h"

using namespace towpath;

namespace {

std::string errorOf(std::string_view text, const json::ParseOptions& options = {}) {
  const Result<Value> result = json::parse(text, options);
  return result ? "no error: " + json::serialize(*result) : result.error().message;
}

std::string repeat(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

}  // namespace

TEST_CASE("values come back as they were written") {
  for (const char* text : {"null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "1.5",
                           "\"\"", "[]", "{}", R"({"z":1,"a":[1,[2,{"b":null}]],"m":"x"})", R"(["\n\t\"\\é😀"])"}) {
    CAPTURE(text);
    const Result<Value> value = json::parse(text);
    REQUIRE(value.has_value());
    CHECK(json::serialize(*value) == text);
  }
}

TEST_CASE("numbers keep their kind and their value") {
  CHECK(json::parse("1").value().isInt());
  CHECK(json::parse("1.0").value().isDouble());
  CHECK(json::parse("1e2").value().isDouble());
  CHECK(*json::parse("9223372036854775808").value().ifDouble() == 9223372036854775808.0);
  CHECK(*json::parse("18446744073709551615").value().ifDouble() == 18446744073709551615.0);
  CHECK(*json::parse("123456789012345678901234567890").value().ifDouble() == 123456789012345678901234567890.0);
  CHECK(*json::parse("0.30000000000000004").value().ifDouble() == 0.30000000000000004);
  CHECK(*json::parse("8.9255518890437003e-308").value().ifDouble() == 8.9255518890437003e-308);
  CHECK(*json::parse("1e-400").value().ifDouble() == 0);
  CHECK(*json::parse("1.7976931348623157e308").value().ifDouble() == std::numeric_limits<double>::max());
}

TEST_CASE("escapes and surrogate pairs are decoded") {
  CHECK(json::parse(R"("\u0041\u00e9\ud83d\ude00\/\b\f")").value() == Value("A\u00e9\U0001F600/\b\f"));
  CHECK(json::parse(R"({"a\nb":1})").value().asObject().contains("a\nb"));
  CHECK(json::parse(R"("a\u0000b")").value() == Value(std::string("a\0b", 3)));
}

TEST_CASE("malformed text is refused with its place") {
  CHECK(errorOf("{\"a\":\n  1,\n  x}") == "invalid JSON at line 3, column 3 (byte 13): unexpected 'x'");
  CHECK(errorOf("") == "invalid JSON at line 1, column 1 (byte 0): the text ends too early");
  CHECK(errorOf("{} x").find("unexpected 'x' after the end") != std::string::npos);
  CHECK(errorOf("[1e400]").find("out of range") != std::string::npos);
  for (const char* text : {"{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{'a':1}",
                           "01",
                           "+1",
                           ".5",
                           "1.",
                           "nul",
                           "NaN",
                           "Infinity",
                           "\"a",
                           "\"\n\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "// c\n1",
                           "[1 2]",
                           "{\"a\" 1}",
                           "\xef\xbb\xbf{}",
                           "1 1",
                           "]",
                           "\"\\ud83dx\""}) {
    CAPTURE(text);
    CHECK_FALSE(json::parse(text).has_value());
  }
}

TEST_CASE("limits hold") {
  CHECK(json::parse(repeat("[", 100) + repeat("]", 100)).has_value());
  const Result<Value> deep = json::parse(repeat("[", 101) + repeat("]", 101));
  REQUIRE_FALSE(deep.has_value());
  CHECK(deep.error().kind == ErrorKind::kTooLarge);
  CHECK_FALSE(json::parse(repeat("{\"a\":", 100000)).has_value());

  const auto objectOf = [](int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":0,";
    text.back() = '}';
    return text;
  };
  CHECK(json::parse(objectOf(20000)).value().asObject().size() == 20000);
  const Result<Value> wide = json::parse(objectOf(20001));
  REQUIRE_FALSE(wide.has_value());
  CHECK(wide.error().kind == ErrorKind::kTooLarge);
}

TEST_CASE("of a member given twice the last wins, and it is reported with its path") {
  std::vector<std::string> duplicates;
  const Value value =
      json::parse(R"({"spec":{"replicas":1,"steps":[{},{"a":1,"b":0,"a":2}],"replicas":3,"replicas":4},"k":1})",
                  {.duplicates = &duplicates})
          .value();
  CHECK(json::serialize(value) == R"({"spec":{"replicas":4,"steps":[{},{"a":2,"b":0}]},"k":1})");
  CHECK(duplicates == std::vector<std::string>{"spec.steps[1].a", "spec.replicas", "spec.replicas"});

  std::string wide = "{";
  for (int i = 0; i < 200; ++i) wide += "\"k" + std::to_string(i % 100) + "\":" + std::to_string(i) + ",";
  wide.back() = '}';
  duplicates.clear();
  const Value merged = json::parse(wide, {.duplicates = &duplicates}).value();
  CHECK(merged.asObject().size() == 100);
  CHECK(merged["k7"] == Value(107));
  CHECK(duplicates.size() == json::kMaxDuplicates);
}

TEST_CASE("managed fields can be left out while parsing") {
  const char* kText = R"({"metadata":{"name":"a","managedFields":[{"x":{"managedFields":1}},2],"uid":"u"},
    "managedFields":1,"spec":{"metadata":{"managedFields":"kept"}},
    "items":[{"metadata":{"managedFields":[],"name":"b"}},{"metadata":{"managedFields":"s"}}]})";
  const Value value = json::parse(kText, {.managed_fields = json::ManagedFields::kSkip}).value();
  CHECK(json::serialize(value) ==
        R"({"metadata":{"name":"a","uid":"u"},"managedFields":1,"spec":{"metadata":{"managedFields":"kept"}},)"
        R"("items":[{"metadata":{"name":"b"}},{"metadata":{}}]})");

  const char* kEvent = R"({"type":"MODIFIED","metadata":{"managedFields":1},
    "object":{"metadata":{"managedFields":[{"object":{"metadata":{"managedFields":1}}}],"name":"a"},
    "object":{"metadata":{"managedFields":"kept"}},"items":[{"metadata":{"managedFields":"kept"}}]}})";
  const Value event = json::parse(kEvent, {.managed_fields = json::ManagedFields::kSkipInEvent}).value();
  CHECK(json::serialize(event) ==
        R"({"type":"MODIFIED","metadata":{"managedFields":1},"object":{"metadata":{"name":"a"},)"
        R"("object":{"metadata":{"managedFields":"kept"}},"items":[{"metadata":{"managedFields":"kept"}}]}})");
}
