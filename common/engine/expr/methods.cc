#include "engine/expr/methods.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/calendar/layout.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

using calendar::Instant;

const Instant& time(Call& call, std::size_t index = 0) { return *contentOf<Instant>(call[index]); }
Duration duration(Call& call, std::size_t index = 0) { return *contentOf<Duration>(call[index]); }
Value whole(std::int64_t number) { return Value(static_cast<long long>(number)); }

Instant in(const Instant& instant, const calendar::Zone& zone) { return {instant.seconds, instant.nanos, zone}; }

Result<Value> text(Call& call) { return Value(call[0].ifOpaque()->text()); }

Result<Value> add(Call& call) { return temporalValue(calendar::add(time(call), duration(call, 1))); }
Result<Value> addDate(Call& call) {
  return temporalValue(calendar::addDate(time(call), call[1].asInt(), call[2].asInt(), call[3].asInt()));
}
Result<Value> after(Call& call) { return Value(time(call) > time(call, 1)); }
Result<Value> before(Call& call) { return Value(time(call) < time(call, 1)); }
Result<Value> equal(Call& call) { return Value(time(call) == time(call, 1)); }
Result<Value> compare(Call& call) { return Value(*compareTemporal(call[0], call[1])); }
Result<Value> sub(Call& call) { return temporalValue(calendar::difference(time(call), time(call, 1))); }
Result<Value> truncateTime(Call& call) { return temporalValue(calendar::truncate(time(call), duration(call, 1))); }
Result<Value> roundTime(Call& call) { return temporalValue(calendar::roundTo(time(call), duration(call, 1))); }

Result<Value> year(Call& call) { return whole(calendar::readingOf(time(call)).year); }
Result<Value> month(Call& call) {
  return temporalValue(std::chrono::month(static_cast<unsigned>(calendar::readingOf(time(call)).month)));
}
Result<Value> day(Call& call) { return Value(calendar::readingOf(time(call)).day); }
Result<Value> hour(Call& call) { return Value(calendar::readingOf(time(call)).hour); }
Result<Value> minute(Call& call) { return Value(calendar::readingOf(time(call)).minute); }
Result<Value> second(Call& call) { return Value(calendar::readingOf(time(call)).second); }
Result<Value> nanosecond(Call& call) { return whole(time(call).nanos); }
Result<Value> weekday(Call& call) { return temporalValue(calendar::weekdayOf(time(call))); }
Result<Value> yearDay(Call& call) { return Value(calendar::dayOfYear(time(call))); }
// Go's gives the week as well, of which the peer's conditions see nothing.
Result<Value> isoWeek(Call& call) { return whole(calendar::weekYear(time(call))); }

Result<Value> unix(Call& call) { return whole(time(call).seconds); }
Result<Value> unixIn(Call& call, std::int64_t units) {
  std::int64_t out = 0;
  if (__builtin_mul_overflow(time(call).seconds, units, &out) ||
      __builtin_add_overflow(out, time(call).nanos / (1'000'000'000 / units), &out)) {
    return fail(ErrorKind::kInvalid, "the time is too far away for a number of that unit: use Unix()");
  }
  return whole(out);
}
Result<Value> unixMilli(Call& call) { return unixIn(call, 1'000); }
Result<Value> unixMicro(Call& call) { return unixIn(call, 1'000'000); }
Result<Value> unixNano(Call& call) { return unixIn(call, 1'000'000'000); }

Result<Value> utc(Call& call) { return temporalValue(in(time(call), {})); }
Result<Value> inZone(Call& call) { return temporalValue(in(time(call), *contentOf<calendar::Zone>(call[1]))); }
Result<Value> location(Call& call) { return temporalValue(time(call).zone); }
calendar::Zone::Rule rule(Call& call) { return time(call).zone.at(time(call).seconds); }
Result<Value> zone(Call& call) { return Value(rule(call).name); }
Result<Value> isSummer(Call& call) { return Value(rule(call).summer); }
Result<Value> isZero(Call& call) { return Value(time(call) == calendar::instantAt({}, 0, {})); }
Result<Value> format(Call& call) {
  // Each letter of a layout may become a name.
  if (Result<void> room = call.budget().room(call.text(1).size()); !room) return std::unexpected(room.error());
  if (Result<void> done = call.budget().work(call.text(1).size()); !done) return std::unexpected(done.error());
  return Value(calendar::format(time(call), call.text(1)));
}

constexpr std::array<Builtin, 32> kTime = {{{"Add", 2, 2, "TD", 'T', add},
                                            {"AddDate", 4, 4, "Ti", 'T', addDate},
                                            {"After", 2, 2, "T", 'b', after},
                                            {"Before", 2, 2, "T", 'b', before},
                                            {"Compare", 2, 2, "T", 'i', compare},
                                            {"Day", 1, 1, "T", 'i', day},
                                            {"Equal", 2, 2, "T", 'b', equal},
                                            {"Format", 2, 2, "Ts", 's', format},
                                            {"Hour", 1, 1, "T", 'i', hour},
                                            {"ISOWeek", 1, 1, "T", 'i', isoWeek},
                                            {"In", 2, 2, "TZ", 'T', inZone},
                                            {"IsDST", 1, 1, "T", 'b', isSummer},
                                            {"IsZero", 1, 1, "T", 'b', isZero},
                                            {"Local", 1, 1, "T", 'T', utc},
                                            {"Location", 1, 1, "T", 'Z', location},
                                            {"Minute", 1, 1, "T", 'i', minute},
                                            {"Month", 1, 1, "T", 'M', month},
                                            {"Nanosecond", 1, 1, "T", 'i', nanosecond},
                                            {"Round", 2, 2, "TD", 'T', roundTime},
                                            {"Second", 1, 1, "T", 'i', second},
                                            {"String", 1, 1, "T", 's', text},
                                            {"Sub", 2, 2, "T", 'D', sub},
                                            {"Truncate", 2, 2, "TD", 'T', truncateTime},
                                            {"UTC", 1, 1, "T", 'T', utc},
                                            {"Unix", 1, 1, "T", 'i', unix},
                                            {"UnixMicro", 1, 1, "T", 'i', unixMicro},
                                            {"UnixMilli", 1, 1, "T", 'i', unixMilli},
                                            {"UnixNano", 1, 1, "T", 'i', unixNano},
                                            {"Weekday", 1, 1, "T", 'W', weekday},
                                            {"Year", 1, 1, "T", 'i', year},
                                            {"YearDay", 1, 1, "T", 'i', yearDay},
                                            {"Zone", 1, 1, "T", 's', zone}}};

// In Go's way: the whole units and the rest of them apart, so that no digit is lost.
Value inUnits(Duration value, Duration unit) {
  const auto whole_units = static_cast<double>(value / unit);
  return Value(whole_units + static_cast<double>((value % unit).count()) / static_cast<double>(unit.count()));
}

Result<Value> abs(Call& call) {
  const Duration value = duration(call);
  if (value >= 0ns) return temporalValue(value);
  return temporalValue(value == Duration::min() ? Duration::max() : -value);
}
Result<Value> hours(Call& call) { return inUnits(duration(call), 1h); }
Result<Value> minutes(Call& call) { return inUnits(duration(call), 1min); }
Result<Value> seconds(Call& call) { return inUnits(duration(call), 1s); }
Result<Value> milliseconds(Call& call) { return whole(duration(call) / 1ms); }
Result<Value> microseconds(Call& call) { return whole(duration(call) / 1us); }
Result<Value> nanoseconds(Call& call) { return whole(duration(call).count()); }
Result<Value> truncateDuration(Call& call) {
  return temporalValue(calendar::truncate(duration(call), duration(call, 1)));
}
Result<Value> roundDuration(Call& call) { return temporalValue(calendar::roundTo(duration(call), duration(call, 1))); }

constexpr std::array<Builtin, 10> kDuration = {{{"Abs", 1, 1, "D", 'D', abs},
                                                {"Hours", 1, 1, "D", 'f', hours},
                                                {"Microseconds", 1, 1, "D", 'i', microseconds},
                                                {"Milliseconds", 1, 1, "D", 'i', milliseconds},
                                                {"Minutes", 1, 1, "D", 'f', minutes},
                                                {"Nanoseconds", 1, 1, "D", 'i', nanoseconds},
                                                {"Round", 2, 2, "D", 'D', roundDuration},
                                                {"Seconds", 1, 1, "D", 'f', seconds},
                                                {"String", 1, 1, "D", 's', text},
                                                {"Truncate", 2, 2, "D", 'D', truncateDuration}}};

constexpr std::array<Builtin, 1> kText = {{{"String", 1, 1, "a", 's', text}}};

std::span<const Builtin> methodsOf(const Type& owner) {
  switch (owner.kind) {
    case TypeKind::kTime:
      return kTime;
    case TypeKind::kDuration:
      return kDuration;
    case TypeKind::kLocation:
    case TypeKind::kMonth:
    case TypeKind::kWeekday:
      return kText;
    default:
      return {};
  }
}

}  // namespace

const Builtin* findMethod(const Type& owner, std::string_view name) {
  const std::span<const Builtin> methods = methodsOf(owner);
  const auto found = std::ranges::find(methods, name, &Builtin::name);
  return found == methods.end() ? nullptr : &*found;
}

}  // namespace towpath::expr
