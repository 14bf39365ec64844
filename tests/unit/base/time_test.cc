#include "base/time.h"

#include <doctest/doctest.h>

using namespace towpath;

namespace {

WallTime at(std::int64_t seconds, std::int64_t nanos = 0) {
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
}

}  // namespace

TEST_CASE("times print as metav1 writes them") {
  CHECK(formatRfc3339(at(0)) == "1970-01-01T00:00:00Z");
  CHECK(formatRfc3339(at(1795438985, 999'999'999)) == "2026-11-23T13:03:05Z");
  CHECK(formatRfc3339(at(-1)) == "1969-12-31T23:59:59Z");
  CHECK(formatRfc3339Micro(at(1795438985, 123'999)) == "2026-11-23T13:03:05.000123Z");
}

TEST_CASE("RFC 3339 is read with fractions and offsets") {
  CHECK(parseRfc3339("1970-01-01T00:00:00Z") == at(0));
  CHECK(parseRfc3339("2026-11-23T13:03:05Z") == at(1795438985));
  CHECK(parseRfc3339("2026-11-23T15:03:05+02:00") == at(1795438985));
  CHECK(parseRfc3339("2026-11-23T12:33:05-00:30") == at(1795438985));
  CHECK(parseRfc3339("2026-11-23T13:03:05.5Z") == at(1795438985, 500'000'000));
  CHECK(parseRfc3339("2026-11-23T13:03:05.1234567891234Z") == at(1795438985, 123'456'789));
  CHECK(parseRfc3339("2024-02-29T00:00:00Z").has_value());
  for (const char* text :
       {"", "2026-11-23", "2026-11-23T13:03:05", "2026-11-23 13:03:05Z", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T13:03:60Z", "2026-11-23T13:03:05.Z", "2026-11-23T13:03:05Zx",
        "2026-11-23T13:03:05+0200", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-026-11-23T13:03:05Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parseRfc3339(text).has_value());
  }
}

TEST_CASE("Go durations are read") {
  const struct {
    const char* text;
    Duration duration;
  } kCases[] = {
      {"0", 0s},
      {"30s", 30s},
      {"5m", 5min},
      {"1h30m", 90min},
      {"1.5m", 90s},
      {"-2s", -2s},
      {"+2s", 2s},
      {"100ms", 100ms},
      {"1us", 1us},
      {"1\u00b5s", 1us},
      {"1\u03bcs", 1us},
      {"1.s", 1s},
      {".5s", 500ms},
      {"1h1m1s1ms1ns", 1h + 1min + 1s + 1ms + 1ns},
      {"0.0000000000000000000000001s", 0ns},
      {"2540400h10m10.000000000s", 2540400h + 10min + 10s},
      {"1.00000000000000000000000000000000s", 1s},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.text);
    CHECK(parseGoDuration(c.text).value_or(Duration::min()) == c.duration);
  }
  for (const char* text : {"", "3", "-", "s", "1d", "1h30", "1.2.3s", "1x", ".s", "1 s", "99999999999999999999h",
                           "2562048h", "9223372036.9s", "1e3s"}) {
    CAPTURE(text);
    CHECK_FALSE(parseGoDuration(text).has_value());
  }
}

TEST_CASE("a bad duration's error names the unit and the mend") {
  const auto result = parseGoDuration("3d");
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message.find("unknown unit \"d\"") != std::string::npos);
  CHECK(result.error().message.find("1h30m") != std::string::npos);
}

TEST_CASE("durations print as Go prints them") {
  const struct {
    Duration duration;
    const char* text;
  } kCases[] = {
      {0s, "0s"},
      {1ns, "1ns"},
      {1100ns, "1.1\u00b5s"},
      {2200us, "2.2ms"},
      {3300ms, "3.3s"},
      {90min, "1h30m0s"},
      {60s, "1m0s"},
      {-90s, "-1m30s"},
      {1h + 1ms, "1h0m0.001s"},
      {Duration::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& c : kCases) CHECK(formatGoDuration(c.duration) == c.text);
}

TEST_CASE("ages print as kubectl shows them") {
  const struct {
    Duration age;
    const char* text;
  } kCases[] = {
      {-2s, "<invalid>"},      {-1s, "0s"},         {45s, "45s"},        {119s, "119s"},
      {192s, "3m12s"},         {3min, "3m"},        {10min, "10m"},      {179min, "179m"},
      {125min, "125m"},        {3h + 5min, "3h5m"}, {4h, "4h"},          {20h, "20h"},
      {99h, "4d3h"},           {96h, "4d"},         {380 * 24h, "380d"}, {800 * 24h, "2y70d"},
      {10 * 365 * 24h, "10y"},
  };
  for (const auto& c : kCases) CHECK(formatAge(c.age) == c.text);
}
