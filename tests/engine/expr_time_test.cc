#include "expr_table.h"

// Times in conditions. What is expected is what the peer's language gives (expr-lang 1.17), whose times are those of
// Go's package time; what is ours says so.

namespace towpath::expr {
namespace {

TEST_CASE("times: now and date") {
  checkRows({{"now()", "2026-11-26 12:00:00.5 +0000 UTC"},
             {"now() == now()", "true"},  // ours: one evaluation has one time
             {"now(timezone('Europe/Berlin'))", "2026-11-26 13:00:00.5 +0100 CET"},
             {"date('2024-01-15')", "2024-01-15 00:00:00 +0000 UTC"},
             {"date('10:00:00')", "0000-01-01 10:00:00 +0000 UTC"},
             {"date('2024-01-15 10:11:12')", "2024-01-15 10:11:12 +0000 UTC"},
             {"date('2024-01-15T13:14:15.678+02:00')", "2024-01-15 13:14:15.678 +0200 +0200"},
             {"date('02 Jan 24 15:04 UTC')", "2024-01-02 15:04:00 +0000 UTC"},
             {"date('Monday, 02-Jan-06 15:04:05 MST')", "2006-01-02 15:04:05 +0000 MST"},
             {"date('Mon, 02 Jan 2006 15:04:05 GMT')", "2006-01-02 15:04:05 +0000 GMT"},
             {"date('15/01/2024', '02/01/2006')", "2024-01-15 00:00:00 +0000 UTC"},
             {"date('2024-07-15 10:00:00', '2006-01-02 15:04:05', 'Europe/Berlin')", "2024-07-15 10:00:00 +0200 CEST"},
             {"date(timezone('Europe/Berlin'), '2024-07-15 10:00:00')", "2024-07-15 10:00:00 +0200 CEST"},
             {"'2024-01-15' | date() | string()", "2024-01-15 00:00:00 +0000 UTC"},
             {"date('soon')", "error 1:1: invalid date soon: write it as 2006-01-02T15:04:05Z, or give its layout"},
             {"date('x', '2006')", "error 1:1: parsing time \"x\" as \"2006\": cannot parse \"x\" as \"2006\""},
             {"date(5)", "parse 1:1: cannot use int as argument (type string) to call date"},
             {"date()", "parse 1:1: date takes 1 to 4 argument(s), not 0"},
             {"date(timezone('UTC'))",
              "error 1:1: date takes a text, and may be a layout and the name of a zone: 0 argument(s)"},
             {"date('2024', '2006', 'UTC', 'UTC')",
              "error 1:1: date takes a text, and may be a layout and the name of a zone: 4 argument(s)"},
             {"now(5)", "parse 1:1: cannot use int as argument (type *time.Location) to call now"},
             {"timezone('Nowhere/City')", "error 1:1: unknown time zone Nowhere/City"},
             {"timezone('Europe/Berlin')", "Europe/Berlin"},
             {"timezone('Europe/Berlin') == timezone('Europe/Berlin')", "true"},
             {"timezone('Europe/Berlin') == timezone('UTC')", "false"}},
            Value());
}

TEST_CASE("times: durations") {
  checkRows(
      {{"duration('1h') * 2", "2h0m0s"},
       {"2 * duration('1h')", "2h0m0s"},
       {"duration('1h') * 2.5", "9000000000000"},
       {"duration('1h') + duration('90s') - duration('1m')", "1h0m30s"},
       {"duration('1h') == duration('60m') and duration('1h') < duration('2h')", "true"},
       {"int(duration('1h'))", "3600000000000"},
       {"max(duration('1h'), duration('2h')) - min(duration('1h'), duration('2m'))", "1h58m0s"},
       {"sum([duration('1h'), duration('2h')])", "3h0m0s"},
       {"mean(duration('1h'), duration('2h'))", "5400000000000"},
       {"sort([duration('1h'), duration('2m')])", "[2m0s,1h0m0s]"},
       {"map(sortBy([2, 1], duration(string(#) + 'h')), #)", "[1,2]"},
       {"reduce([duration('1h')], #acc + #, duration('1h'))", "2h0m0s"},
       {"duration('1d')",
        "error 1:1: invalid duration \"1d\": unknown unit \"d\"; write it as 30s, 5m or 1h30m (units: ns, us, ms, "
        "s, m, h)"},
       {"duration(5)", "parse 1:1: cannot use int as argument (type string) to call duration"},
       {"duration('1h') / 2", "parse 1:16: invalid operation: / (mismatched types time.Duration and int)"},
       {"duration('1h') + 5", "parse 1:16: invalid operation: + (mismatched types time.Duration and int)"},
       {"duration('1h') > 5", "parse 1:16: invalid operation: > (mismatched types time.Duration and int)"},
       {"duration('1h') == 5", "parse 1:16: invalid operation: == (mismatched types time.Duration and int)"},
       {"-duration('1h')", "parse 1:1: invalid operation: - (mismatched type time.Duration)"},
       {"abs(duration('1h'))", "parse 1:1: invalid argument for abs (type time.Duration)"},
       {"sum([1, duration('1h')])", "error 1:1: invalid operation: + (mismatched types int and time.Duration)"},
       {"max(duration('1h'), 5)", "error 1:1: max of numbers and durations mixed"},
       // Ours: the peer's go round.
       {"duration('1000000h') * 10", "error 1:22: the duration is out of range: it is over 292 years"},
       {"duration('2000000h') + duration('2000000h')",
        "error 1:22: the duration is out of range: it is over 292 years"}},
      Value());
}

TEST_CASE("times: operators") {
  checkRows(
      {{"date('2024-01-15') + duration('1h')", "2024-01-15 01:00:00 +0000 UTC"},
       {"duration('1h') + date('2024-01-15')", "2024-01-15 01:00:00 +0000 UTC"},
       {"date('2024-01-15') - duration('1h')", "2024-01-14 23:00:00 +0000 UTC"},
       {"date('2024-01-15') - date('2024-01-14')", "24h0m0s"},
       {"date('9999-01-01') - date('0001-01-01')", "2562047h47m16.854775807s"},
       {"now() - date('2024-01-15') > duration('1h')", "true"},
       {"date('2024-01-15T01:00:00+01:00') == date('2024-01-15')", "true"},
       {"date('2024-01-15') in [date('2024-01-15T00:00:00Z')]", "true"},
       {"date('2024-01-15') != nil and nil != duration('1h')", "true"},
       {"len(uniq([date('2024-01-15'), date('2024-01-15T00:00:00Z')]))", "1"},
       {"sort([date('2024-02-15'), date('2024-01-15')])[0].Month().String()", "January"},
       {"(true ? now() : duration('1h')) - duration('1h') < now()", "true"},
       {"{a: now()}.a - now() < duration('1s') and [now()][0] > date('2024-01-01')", "true"},
       {"[type(now()), type(duration('1h')), type(timezone('UTC')), type(now().Month()), type(now().Weekday())]",
        "[\"time.Time\",\"time.Duration\",\"time.Location\",\"time.Month\",\"time.Weekday\"]"},
       {"string([date('2024-02-15'), duration('1h'), nil])", "[2024-02-15 00:00:00 +0000 UTC 1h0m0s <nil>]"},
       {"now() + now()", "parse 1:7: invalid operation: + (mismatched types time.Time and time.Time)"},
       {"now() + 5", "parse 1:7: invalid operation: + (mismatched types time.Time and int)"},
       {"now() * 2", "parse 1:7: invalid operation: * (mismatched types time.Time and int)"},
       {"now() < 'a'", "parse 1:7: invalid operation: < (mismatched types time.Time and string)"},
       {"'x' + now()", "parse 1:5: invalid operation: + (mismatched types string and time.Time)"},
       {"duration('1h') - now()", "parse 1:16: invalid operation: - (mismatched types time.Duration and time.Time)"},
       {"now()[0]", "parse 1:6: type time.Time[int] is undefined"},
       {"sort([now(), 1])", "error 1:1: sort needs all numbers, all strings, all times or all durations"},
       {"date('2024-01-15').AddDate(1000001, 0, 0)",
        "error 1:20: the time is out of range: it is over 1000000 years away"}},
      Value());
}

TEST_CASE("times: methods of times") {
  checkRows(
      {{"date('2024-01-15T13:14:15.678Z').Add(duration('1h')).Hour()", "14"},
       {"date('2024-01-31').AddDate(0, 1, 0).Format('Jan 2')", "Mar 2"},
       {"now().After(date('2024-01-15')) and date('2024-01-15').Before(now()) and now().Equal(now())", "true"},
       {"date('2024-01-15').Compare(now())", "-1"},
       {"let t = date('2024-01-15T13:14:15.678Z'); [t.Year(), t.Day(), t.Hour(), t.Minute(), t.Second(), "
        "t.Nanosecond(), t.YearDay(), t.ISOWeek()]",
        "[2024,15,13,14,15,678000000,15,2024]"},
       {"let t = date('2024-01-15T13:14:15.678Z'); [t.Unix(), t.UnixMilli(), t.UnixMicro(), t.UnixNano()]",
        "[1705324455,1705324455678,1705324455678000,1705324455678000000]"},
       {"date('9999-01-01').UnixNano()", "error 1:20: the time is too far away for a number of that unit: use Unix()"},
       {"date('2024-01-15').Month()", "January"},
       {"int(date('2024-01-15').Month()) + int(date('2024-01-15').Weekday())", "2"},
       {"date('2024-01-15').Weekday().String() in ['Saturday', 'Sunday']", "false"},
       {"date('2024-01-15').Month() == date('2025-01-20').Month()", "true"},
       {"date('2024-01-15').Month() == 1", "parse 1:28: invalid operation: == (mismatched types time.Month and int)"},
       {"date('2024-01-15T13:14:15.678Z').Truncate(duration('7h'))", "2024-01-15 07:00:00 +0000 UTC"},
       {"date('2024-01-15T13:14:15.678Z').Round(duration('7m'))", "2024-01-15 13:11:00 +0000 UTC"},
       {"date('2024-01-15T10:00:00Z').In(timezone('Europe/Berlin'))", "2024-01-15 11:00:00 +0100 CET"},
       {"date('2024-07-15T10:00:00Z').In(timezone('Europe/Berlin')).IsDST()", "true"},
       {"date('2024-01-15T10:00:00+02:00').UTC()", "2024-01-15 08:00:00 +0000 UTC"},
       {"date('2024-01-15').Location().String() + date('2024-01-15').Zone()", "UTCUTC"},
       {"date('0001-01-01').IsZero() and not now().IsZero()", "true"},
       {"date('2024-01-16').Sub(date('2024-01-15'))", "24h0m0s"},
       {"now()?.Year()", "2026"},
       {"now().Foo()", "parse 1:7: type time.Time has no method Foo"},
       {"now().Clock()", "parse 1:7: type time.Time has no method Clock"},
       {"now().Year", "parse 1:7: type time.Time has no field Year: it is a method, and called with ()"},
       {"now().wall", "parse 1:7: type time.Time has no field wall"},
       {"now().Add(5)", "parse 1:7: cannot use int as argument (type time.Duration) to call Add"},
       {"now().Add()", "parse 1:7: not enough arguments to call Add"},
       {"now().In('UTC')", "parse 1:7: cannot use string as argument (type *time.Location) to call In"},
       {"now().After(nil)", "parse 1:7: cannot use nil as argument (type time.Time) to call After"},
       {"date('2024-01-15').AddDate(1.5, 0, 0)",
        "parse 1:20: cannot use float64 as argument (type int) to call AddDate"}},
      Value());
}

TEST_CASE("times: methods of durations") {
  checkRows(
      {{"duration('1h30m').Hours()", "1.5"},
       {"[duration('90s').Minutes(), duration('1.5s').Seconds()]", "[1.5,1.5]"},
       {"let d = duration('1.5s'); [d.Milliseconds(), d.Microseconds(), d.Nanoseconds()]", "[1500,1500000,1500000000]"},
       {"duration('-1h30m').Abs().String()", "1h30m0s"},
       {"duration('1h35m').Truncate(duration('1h'))", "1h0m0s"},
       {"duration('1h30m').Round(duration('1h'))", "2h0m0s"},
       {"duration('1h').Foo()", "parse 1:16: type time.Duration has no method Foo"},
       {"duration('1h').Minutes(5)", "parse 1:16: too many arguments to call Minutes"},
       // What is said to be a duration turns out to be a number, as with the peer.
       {"(duration('1h') * 2.5).Hours()", "error 1:24: type float64 has no method Hours"}},
      Value());
}

TEST_CASE("times in what was measured") {
  const Value result = Object{{"n", 2.0}, {"at", "2026-11-26T11:59:00Z"}, {"took", "90s"}, {"none", nullptr}};
  checkRows(
      {{"now() - date(result.at) < duration('2m')", "true"},
       {"(now() - date(result.at)).Seconds() > 60", "true"},
       {"duration(result.took) < duration('2m')", "true"},
       {"result.at | date() | string()", "2026-11-26 11:59:00 +0000 UTC"},
       {"duration(result.took) * result.n", "180000000000"},
       {"result.none?.Foo()", "null"},
       {"now() - result.at", "error 1:7: invalid operation: - (mismatched types time.Time and string)"},
       {"result.at < now()", "error 1:11: invalid operation: < (mismatched types string and time.Time)"},
       {"date(result.n)", "error 1:1: cannot use float64 as argument (type string) to call date"},
       {"date('2024-01-15').AddDate(result.n, 0, 0)",
        "error 1:20: cannot use float64 as argument (type int) to call AddDate"},
       {"result.at.Foo()", "error 1:11: type string has no method Foo"},
       {"result.Foo()", "error 1:8: type map[string]interface {} has no method Foo"},
       {"result.none.Foo()", "error 1:13: type nil has no method Foo"},
       {"result.n / duration('1h')", "parse 1:10: invalid operation: / (mismatched types unknown and time.Duration)"}},
      result);
}

TEST_CASE("times: an expression alone") {
  const auto time = [](std::string_view text) {
    const Result<Expression> parsed = Expression::parse(text, Names::kNone);
    if (!parsed) return parsed.error().message;
    const Result<WallTime> found = parsed->time(kNow);
    return found ? formatRfc3339Micro(*found) : found.error().message;
  };
  CHECK(time("now() - duration('30s')") == "2026-11-26T11:59:30.500000Z");
  CHECK(time("1 + 1") == "expected time.Time, but got int");
  CHECK(time("result") == "1:1: unknown name result");
  CHECK(time("len($env)") == "expected time.Time, but got int");
  CHECK(time("date('1600-01-01')") == "the time is out of range: its year is 1600");
}

TEST_CASE("times: what one evaluation may use up") {
  for (const char* const text :
       {"now().Format(repeat('January ', 200000))", "toJSON(map(1..40000, [[[[[[[#]]]]]]]))"}) {
    CAPTURE(std::string(text));
    CHECK(eval(text, Value()).contains("memory budget exceeded"));
  }
  for (const char* const text : {"all(1..50000, timezone('UTC') != nil)", "all(1..50000, date('2024-01-15') != nil)",
                                 "all(1..50000, now().Format('Monday, January 2 2006') != '')",
                                 "all(1..50000, toJSON([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) != '')"}) {
    CAPTURE(std::string(text));
    CHECK(eval(text, Value()).contains("too many steps"));
  }
}

}  // namespace
}  // namespace towpath::expr
