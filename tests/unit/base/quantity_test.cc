#include "base/quantity.h"

#include <doctest/doctest.h>

#include <fstream>

using namespace towpath;

TEST_CASE("quantities print as the peer prints them") {
  const struct {
    const char* text;
    const char* canonical;
  } kCases[] = {
      {"0", "0"},
      {"0m", "0"},
      {"00", "0"},
      {"1", "1"},
      {"0.001", "1m"},
      {"1.5", "1500m"},
      {"1.500", "1.500"},
      {"500m", "500m"},
      {"1000m", "1"},
      {"1500m", "1500m"},
      {"1024Mi", "1Gi"},
      {"1Gi", "1Gi"},
      {"2048Ki", "2Mi"},
      {"1025Ki", "1025Ki"},
      {"0.5Gi", "512Mi"},
      {"1.5Mi", "1536Ki"},
      {"64Mi", "64Mi"},
      {"1000k", "1M"},
      {"1e3", "1e3"},
      {"10e3", "10e3"},
      {"1000e3", "1e6"},
      {"1E3", "1E3"},
      {"12.34", "12340m"},
      {"0.1n", "1n"},
      {"1.00000000001", "1000000001n"},
      {"-1", "-1"},
      {"-0.5", "-500m"},
      {"+1", "+1"},
      {"01", "01"},
      {"100Ki", "100Ki"},
      {"0.0001Ki", "102400u"},
      {"512", "512"},
      {"1000000", "1M"},
      {"8Ei", "9223372036854775807"},
      {"1.0", "1"},
      {" 5m ", "5m"},
      {"16Ki", "16Ki"},
      {"8Ki", "8Ki"},
      {"1e0", "1e0"},
      {"1.5e3", "1500"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.text);
    CHECK(canonicalQuantity(c.text).value_or("error") == c.canonical);
  }
}

TEST_CASE("malformed quantities are refused") {
  for (const char* text : {"", "-", ".", "abc", "1.2.3", "1Kib", "1 Gi", "Gi", "1e", "1e99999999999", "0x10", "1,5",
                           "--1", "1234567890123456789012345678901234567890123456789"}) {
    CAPTURE(text);
    CHECK_FALSE(canonicalQuantity(text).has_value());
  }
}

TEST_CASE("a quantity whose canonical text would be too long to be read back is refused") {
  CHECK_FALSE(canonicalQuantity("1088888888888888888888888888888888.80u").has_value());
  CHECK_FALSE(canonicalQuantity("48000e999").has_value());
  CHECK(canonicalQuantity("48000e996") == "48e999");
  CHECK(canonicalQuantity("108888888888888888888888888888888.80u") == "108888888888888888888888888888888800n");
}

TEST_CASE("thousandths round away from zero") {
  CHECK(parseQuantityMilli("1").value() == 1000);
  CHECK(parseQuantityMilli("250m").value() == 250);
  CHECK(parseQuantityMilli("1Mi").value() == 1048576000);
  CHECK(parseQuantityMilli("1u").value() == 1);
  CHECK(parseQuantityMilli("-1u").value() == -1);
  CHECK(parseQuantityMilli("1.0001").value() == 1001);
  CHECK(parseQuantityMilli("2G").value() == 2'000'000'000'000);
  CHECK_FALSE(parseQuantityMilli("16Ei").has_value());
  CHECK_FALSE(parseQuantityMilli("1e300").has_value());
}

TEST_CASE("random quantities print as Go prints them") {
  std::ifstream lines(TEST_DATA "/quantities.txt");  // "text canonical"
  std::string text;
  std::string canonical;
  int count = 0;
  for (; lines >> text >> canonical; ++count) {
    CAPTURE(text);
    CHECK(canonicalQuantity(text).value_or("error") == canonical);
  }
  CHECK(count == 396);
}
