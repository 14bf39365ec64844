#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "engine/calendar/instant.h"
#include "engine/calendar/layout.h"

namespace towpath::calendar {
namespace {

constexpr const char* kSeconds = "2006-01-02 15:04:05";

Zone zone(std::string_view name) {
  const Result<Zone> loaded = Zone::load(name);
  REQUIRE_MESSAGE(loaded.has_value(), "tzdata is installed by ./dev setup");
  return *loaded;
}

std::string read(std::string_view layout, std::string_view text, const Zone& in = {}) {
  const Result<Instant> instant = parse(layout, text, in);
  return instant ? toString(*instant) : instant.error().message;
}

Instant at(std::string_view text) {
  const Result<Instant> instant = parse("2006-01-02T15:04:05Z07:00", text, {});
  REQUIRE(instant.has_value());
  return *instant;
}

struct Row {
  const char* layout;
  const char* text;
  const char* want;
};

// The expected texts are what Go's package time gives.
TEST_CASE("times are read by a layout") {
  for (const Row& row : std::initializer_list<Row>{
           {"2006-01-02", "2024-01-15", "2024-01-15 00:00:00 +0000 UTC"},
           {"15:04", "23:59", "0000-01-01 23:59:00 +0000 UTC"},
           {"3:04PM", "3:04PM", "0000-01-01 15:04:00 +0000 UTC"},
           {"3:04PM", "12:04AM", "0000-01-01 00:04:00 +0000 UTC"},
           {"3:04pm", "3:04AM", "parsing time \"3:04AM\" as \"3:04pm\": cannot parse \"AM\" as \"pm\""},
           {"2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"},
           {"2006 002", "2023 060", "2023-03-01 00:00:00 +0000 UTC"},
           {"2006 002", "2023 366", "parsing time \"2023 366\": day-of-year out of range"},
           {"2006 01 002", "2023 01 060", "parsing time \"2023 01 060\": day-of-year does not match month"},
           {kSeconds, "2024-01-15 10:00:00.123", "2024-01-15 10:00:00.123 +0000 UTC"},
           {"2006-01-02 15:04:05.000", "2024-01-15 10:00:00,123", "2024-01-15 10:00:00.123 +0000 UTC"},
           {"2006-01-02 15:04:05.000", "2024-01-15 10:00:00.12",
            "parsing time \"2024-01-15 10:00:00.12\" as \"2006-01-02 15:04:05.000\": cannot parse \".12\" as \".000\""},
           {"02 Jan 06 15:04 MST", "02 Jan 24 15:04 UTC", "2024-01-02 15:04:00 +0000 UTC"},
           {"02 Jan 06 15:04 MST", "02 jAN 69 15:04 MST", "1969-01-02 15:04:00 +0000 MST"},
           {"Monday, 02-Jan-06 15:04:05 MST", "Monday, 02-Jan-06 15:04:05 CEST", "2006-01-02 15:04:05 +0000 CEST"},
           {"Jan _2 2006", "Feb  3 2024", "2024-02-03 00:00:00 +0000 UTC"},
           {"2006-01-02T15:04:05Z07:00", "2024-01-15T13:14:15.678+02:00", "2024-01-15 13:14:15.678 +0200 +0200"},
           {"2006-01-02T15:04:05Z07:00", "2024-01-15T13:14:15Z", "2024-01-15 13:14:15 +0000 UTC"},
           {"2006-01-02T15:04:05-0700", "2024-01-15T13:14:15-0330", "2024-01-15 13:14:15 -0330 -0330"},
           {"2006-01-02T15:04:05-07", "2024-01-15T13:14:15+25",
            "parsing time \"2024-01-15T13:14:15+25\": time zone offset hour out of range"},
           {"2006-01-02", "2023-02-29", "parsing time \"2023-02-29\": day out of range"},
           {"2006-01-02", "2023-13-01", "parsing time \"2023-13-01\": month out of range"},
           {"2006-01-02", "2023-02-21x", "parsing time \"2023-02-21x\": extra text: \"x\""},
           {"2006-01-02", "x", "parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\""},
           {"2006-01-02", "2024/01/02",
            "parsing time \"2024/01/02\" as \"2006-01-02\": cannot parse \"/01/02\" as \"-\""},
           {"a  2006", "a 2024", "2024-01-01 00:00:00 +0000 UTC"},
           {"Month 1", "Month 7", "0000-07-01 00:00:00 +0000 UTC"}}) {
    CAPTURE(std::string(row.layout));
    CAPTURE(std::string(row.text));
    CHECK(read(row.layout, row.text) == row.want);
  }
}

TEST_CASE("times are written by a layout") {
  constexpr std::string_view kAll =
      "Mon Monday Jan January 1 01 2 _2 02 002 __2 15 3 03 4 04 5 05 2006 06 PM pm MST Z0700 Z07:00 Z07 -0700 -07:00 "
      "-07 .000 .999 ,000000 Z070000 -07:00:00 Janx Monx _2006";
  CHECK(format(at("2024-01-05T03:04:05.678+05:30"), kAll) ==
        "Fri Friday Jan January 1 01 5  5 05 005   5 03 3 03 4 04 5 05 2024 24 AM am +0530 +0530 +05:30 +05 +0530 "
        "+05:30 +05 .678 .678 ,678000 +053000 +05:30:00 Janx Monx _2024");
  CHECK(format(at("2024-12-15T00:14:15Z"), "3:04PM Z07:00 -0700.999 .00") == "12:14AM Z +0000 .00");
  CHECK(format(*addDate(at("0000-01-01T00:00:00Z"), -1, 0, 0), "2006 06") == "-0001 01");
  CHECK(format(at("0000-01-01T00:00:00Z"), kSeconds) == "0000-01-01 00:00:00");
}

TEST_CASE("zones of the database: summer time, hours that are skipped and repeated") {
  const Zone berlin = zone("Europe/Berlin");
  const Zone new_york = zone("America/New_York");
  CHECK(read(kSeconds, "2024-07-15 10:00:00", berlin) == "2024-07-15 10:00:00 +0200 CEST");
  CHECK(read(kSeconds, "2024-01-15 10:00:00", new_york) == "2024-01-15 10:00:00 -0500 EST");
  CHECK(read(kSeconds, "2024-03-31 02:30:00", berlin) == "2024-03-31 03:30:00 +0200 CEST");
  CHECK(read(kSeconds, "2024-10-27 02:30:00", berlin) == "2024-10-27 02:30:00 +0100 CET");
  CHECK(read(kSeconds, "2024-03-10 02:30:00", new_york) == "2024-03-10 01:30:00 -0500 EST");
  CHECK(read(kSeconds, "2024-11-03 01:30:00", new_york) == "2024-11-03 01:30:00 -0400 EDT");
  // A name of summer time in winter is taken at its word.
  CHECK(read("02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 EDT", new_york) == "2006-01-02 14:04:05 -0500 EST");
  CHECK(read("02 Jan 2006 15:04 MST", "02 Jan 2024 15:04 GMT+3", berlin) == "2024-01-02 18:04:00 +0300 GMT+3");
  // An offset that is the zone's own at that time.
  CHECK(read("2006-01-02T15:04:05Z07:00", "2024-07-15T10:00:00+02:00", berlin) == "2024-07-15 10:00:00 +0200 CEST");
  CHECK(read("2006-01-02T15:04:05Z07:00", "2024-01-15T10:00:00+02:00", berlin) == "2024-01-15 10:00:00 +0200 +0200");
  CHECK(berlin.name() == "Europe/Berlin");
}

TEST_CASE("what is no zone") {
  CHECK(Zone::load("Nowhere/City").error().message == "unknown time zone Nowhere/City");
  CHECK(Zone::load("zone.tab").error().message == "unknown time zone zone.tab");
  for (const char* const name : {"../etc/passwd", "/etc/localtime", "a\\b"}) {
    CHECK(Zone::load(name).error().message == "time: invalid location name");
  }
  CHECK(zone("") == Zone());
  CHECK(zone("Local").at(0).name == "UTC");
}

TEST_CASE("arithmetic with times") {
  const Instant time = at("2024-01-31T13:14:15.678Z");
  CHECK(toString(*add(time, 36h)) == "2024-02-02 01:14:15.678 +0000 UTC");
  CHECK(toString(*add(time, -700ms)) == "2024-01-31 13:14:14.978 +0000 UTC");
  CHECK(toString(*addDate(time, 0, 1, 0)) == "2024-03-02 13:14:15.678 +0000 UTC");
  CHECK(toString(*addDate(time, -1, 0, -31)) == "2022-12-31 13:14:15.678 +0000 UTC");
  CHECK_FALSE(addDate(time, 1'000'001, 0, 0).has_value());
  CHECK_FALSE(addDate(time, 999'999, 12'000'000, 0).has_value());
  CHECK(difference(time, at("2024-01-31T13:14:15Z")) == 678ms);
  CHECK(difference(at("9999-01-01T00:00:00Z"), at("0001-01-01T00:00:00Z")) == Duration::max());
  CHECK(difference(at("0001-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z")) == Duration::min());
  CHECK(toString(truncate(time, 7h)) == "2024-01-31 08:00:00 +0000 UTC");
  CHECK(toString(roundTo(time, 7min)) == "2024-01-31 13:15:00 +0000 UTC");
  CHECK(toString(roundTo(at("2024-01-31T12:00:00Z"), 24h)) == "2024-02-01 00:00:00 +0000 UTC");
  CHECK(truncate(-100s, 1min) == -60s);
  CHECK(roundTo(-90s, 1min) == -120s);
  CHECK(roundTo(Duration::max(), 1h) == Duration::max());
}

TEST_CASE("the calendar") {
  CHECK(weekdayName(weekdayOf(at("2024-01-14T00:00:00Z"))) == "Sunday");
  CHECK(weekdayName(weekdayOf(at("2024-01-15T23:00:00Z"))) == "Monday");
  CHECK(dayOfYear(at("2024-12-31T00:00:00Z")) == 366);
  CHECK(weekYear(at("2024-12-30T00:00:00Z")) == 2025);
  CHECK(weekYear(at("2021-01-03T00:00:00Z")) == 2020);
  CHECK(weekYear(at("2024-06-01T00:00:00Z")) == 2024);
  CHECK(daysIn(1900, 2) == 28);
  CHECK(daysIn(2000, 2) == 29);
}

TEST_CASE("from and to the wall clock") {
  const WallTime wall(-1ns);
  CHECK(toString(fromWallTime(wall)) == "1969-12-31 23:59:59.999999999 +0000 UTC");
  CHECK(toWallTime(fromWallTime(wall)) == wall);
  CHECK(toWallTime(at("2300-01-01T00:00:00Z")).error().message == "the time is out of range: its year is 2300");
}

TEST_CASE("the same time is equal in every zone") {
  CHECK(at("2024-01-15T01:00:00+01:00") == at("2024-01-15T00:00:00Z"));
  CHECK(at("2024-01-15T01:00:00+01:00") < at("2024-01-15T00:00:00.1Z"));
}

}  // namespace
}  // namespace towpath::calendar
