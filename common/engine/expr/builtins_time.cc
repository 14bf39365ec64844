// Functions that make times, durations and zones.

#include <array>

#include "engine/calendar/layout.h"
#include "engine/expr/builtins.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

// Tried one after the other where no layout is given.
constexpr std::array<std::string_view, 7> kLayouts = {"2006-01-02",
                                                      "15:04:05",
                                                      "2006-01-02 15:04:05",
                                                      "2006-01-02T15:04:05Z07:00",
                                                      "02 Jan 06 15:04 MST",
                                                      "Monday, 02-Jan-06 15:04:05 MST",
                                                      "Mon, 02 Jan 2006 15:04:05 MST"};

// In steps; a step is some ten nanoseconds of work.
constexpr std::size_t kLookUp = 100;   // of a zone, in the file system
constexpr std::size_t kReading = 100;  // of a text by all layouts

// The time at which the measurement is judged, the same wherever it is asked for.
Result<Value> now(Call& call) {
  calendar::Instant time = calendar::fromWallTime(call.now());
  if (call.size() == 1) time.zone = *contentOf<calendar::Zone>(call[0]);
  return temporalValue(std::move(time));
}

Result<Value> duration(Call& call) { return temporalValue(parseGoDuration(call.text(0))); }

Result<Value> timezone(Call& call) {
  if (Result<void> done = call.budget().work(kLookUp); !done) return std::unexpected(done.error());
  return temporalValue(calendar::Zone::load(call.text(0)));
}

Result<Value> parsed(std::string_view layout, std::string_view text, const calendar::Zone& zone) {
  return temporalValue(calendar::parse(layout, text, zone));
}

// date(text), date(text, layout), date(text, layout, zone's name), each with a zone before the text.
Result<Value> date(Call& call) {
  if (Result<void> done = call.budget().work(kReading + kLookUp); !done) return std::unexpected(done.error());
  const auto* const given = contentOf<calendar::Zone>(call[0]);
  const std::size_t first = given != nullptr ? 1 : 0;
  const std::size_t count = call.size() - first;
  if (count == 0 || count > 3) {
    return bad(fmt::format("date takes a text, and may be a layout and the name of a zone: {} argument(s)", count));
  }
  for (std::size_t i = first; i < call.size(); ++i) {
    if (call[i].isString()) continue;
    return bad(fmt::format("cannot use {} as argument (type string) to call date", typeName(call[i])));
  }
  const calendar::Zone zone = given != nullptr ? *given : calendar::Zone();
  const std::string_view text = call.text(first);
  if (count == 3) {
    const Result<calendar::Zone> named = calendar::Zone::load(call.text(first + 2));
    if (!named) return std::unexpected(named.error());
    return parsed(call.text(first + 1), text, *named);
  }
  if (count == 2) return parsed(call.text(first + 1), text, zone);
  for (const std::string_view layout : kLayouts) {
    if (Result<Value> time = parsed(layout, text, zone)) return time;
  }
  return bad(fmt::format("invalid date {}: write it as 2006-01-02T15:04:05Z, or give its layout", text));
}

constexpr std::array<Builtin, 4> kBuiltins = {{{"now", 0, 1, "Z", 'T', now},
                                               {"date", 1, 4, "ds", 'T', date},
                                               {"duration", 1, 1, "s", 'D', duration},
                                               {"timezone", 1, 1, "s", 'Z', timezone}}};

}  // namespace

std::span<const Builtin> timeBuiltins() { return kBuiltins; }

}  // namespace towpath::expr
