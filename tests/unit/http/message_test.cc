#include "http/message.h"

#include <doctest/doctest.h>

using namespace towpath::http;

TEST_CASE("headers: names without case, tokens of lists, replacing") {
  Headers headers{{"Content-Type", "text/plain"}, {"Connection", "keep-alive, Upgrade"}};
  CHECK(headers.get("content-TYPE") == "text/plain");
  CHECK(headers.hasToken("connection", "upgrade"));
  CHECK_FALSE(headers.hasToken("connection", "grade"));
  headers.add("X", "1");
  headers.add("x", "2");
  headers.set("X", "3");
  CHECK(headers.get("x") == "3");
  CHECK(headers.size() == 3);
  CHECK_FALSE(headers.contains("Y"));
}

TEST_CASE("percent encoding: both ways, and bad escapes") {
  CHECK(percentEncode("a b/ü~") == "a%20b%2F%C3%BC~");
  CHECK(percentDecode("a%20b%2Fc+d", PlusIs::kPlus) == "a b/c+d");
  CHECK(percentDecode("a+b", PlusIs::kSpace) == "a b");
  CHECK_FALSE(percentDecode("%2", PlusIs::kPlus));
  CHECK_FALSE(percentDecode("%zz", PlusIs::kPlus));
  CHECK_FALSE(percentDecode("a%00b", PlusIs::kPlus));
}

TEST_CASE("query: pairs in order") {
  const auto pairs = parseQuery("watch=1&labelSelector=a%3Db,c+d&flag&&x=").value();
  REQUIRE(pairs.size() == 4);
  CHECK(pairs[1].second == "a=b,c d");
  CHECK(pairs[2].first == "flag");
  CHECK(pairs[2].second.empty());
  CHECK_FALSE(parseQuery("a=%GG"));
}
