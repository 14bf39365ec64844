#include "json/serialize.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "json/parse.h"

using namespace towpath;

TEST_CASE("doubles print as Go prints them and read back equal") {
  const struct {
    double number;
    const char* text;
  } kCases[] = {
      {0.1, "0.1"},       {1, "1"},       {-0.5, "-0.5"},       {1e20, "100000000000000000000"}, {1e21, "1e+21"},
      {1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.5e-10, "1.5e-10"}, {123456.789, "123456.789"}};
  for (const auto& c : kCases) CHECK(json::serialize(Value(c.number)) == c.text);
  for (const double number : {5e-324, 1.7976931348623157e308, 0.30000000000000004, 1.0 / 3}) {
    CHECK(json::parse(json::serialize(Value(number))).value().asDouble() == number);
  }
}

TEST_CASE("what JSON has no word for becomes null") {
  CHECK(json::serialize(Value(std::numeric_limits<double>::infinity())) == "null");
  CHECK(json::serialize(Value(std::nan(""))) == "null");
}

TEST_CASE("strings are escaped, and broken UTF-8 is replaced") {
  CHECK(json::serialize(Value("a\"\\\n\x01</>&\u2028")) == "\"a\\\"\\\\\\n\\u0001</>&\u2028\"");
  CHECK(json::serialize(Value("a\xff\xc3z\xe2\x82")) == "\"a\\ufffd\\ufffdz\\ufffd\\ufffd\"");
  CHECK(json::serialize(Value("\xed\xa0\x80")) == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(json::serialize(Value("\U0001F600\u00e9")) == "\"\U0001F600\u00e9\"");
  std::string go;
  json::appendGoString("<a&b>\u2028\u2029\u00e9", go);
  CHECK(go == "\"\\u003ca\\u0026b\\u003e\\u2028\\u2029\u00e9\"");
}

TEST_CASE("pretty and canonical forms") {
  const Value value = json::parse(R"({"b":[1,{"x":null}],"a":{},"c":[]})").value();
  CHECK(json::serializePretty(value, 2) ==
        "{\n  \"b\": [\n    1,\n    {\n      \"x\": null\n    }\n  ],\n  \"a\": {},\n  \"c\": []\n}");
  CHECK(json::serializeCanonical(value) == R"({"a":{},"b":[1,{"x":null}],"c":[]})");
}
