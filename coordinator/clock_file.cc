#include "clock_file.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::coordinator {

namespace {

constexpr Duration kSaveInterval = 5min;
constexpr Duration kCheckInterval = 30s;
// Less than this is what time synchronisation does every day.
constexpr Duration kJump = 5s;
// A difference that is worth a person's attention at the start.
constexpr Duration kFarOff = std::chrono::hours(24);

std::string path(const std::string& data_dir) { return data_dir + "/clock"; }

std::string bootId() {
  std::string id = readFile("/proc/sys/kernel/random/boot_id", 100).value_or("");
  std::erase(id, '\n');
  return id;
}

std::string signedDuration(Duration duration) {
  return formatGoDuration(std::chrono::duration_cast<std::chrono::seconds>(duration));
}

}  // namespace

std::string writeClockRecord(const ClockRecord& record) {
  return json::serialize(Object{{"bootId", record.boot_id},
                                {"atBoot", formatRfc3339Micro(record.at_boot)},
                                {"latest", formatRfc3339Micro(record.latest)}}) +
         "\n";
}

Result<ClockRecord> readClockRecord(std::string_view text) {
  Result<Value> read = json::parse(text);
  if (!read) return std::unexpected(read.error());
  const Value& value = *read;
  std::optional<WallTime> at_boot = parseRfc3339(value["atBoot"].asStringView());
  std::optional<WallTime> latest = parseRfc3339(value["latest"].asStringView());
  if (!at_boot || !latest) return fail(ErrorKind::kCorrupt, "atBoot or latest is not a time");
  return ClockRecord{value["bootId"].asString(), *at_boot, *latest};
}

WallTime clockAtStart(const ClockRecord* record, std::string_view boot_id, MonoTime now, WallTime wall) {
  if (!record) return wall;
  if (!boot_id.empty() && record->boot_id == boot_id)
    return std::max(record->latest, record->at_boot + now.time_since_epoch());
  return std::max(record->latest, wall);
}

void startClock(loop::Loop& loop, const std::string& data_dir) {
  std::optional<ClockRecord> record;
  Result<std::string> text = readFile(path(data_dir), 4096);
  if (text) {
    Result<ClockRecord> read = readClockRecord(*text);
    if (read)
      record = std::move(*read);
    else
      log::warning("the clock's file cannot be read: the wall clock is taken as it is",
                   {{"file", path(data_dir)}, {"error", describe(read.error())}});
  }
  const WallTime wall = loop.wallNow();
  const WallTime at = clockAtStart(record ? &*record : nullptr, bootId(), loop.now(), wall);
  if (at - wall > kFarOff || wall - at > kFarOff) {
    log::warning("the wall clock is far from the time that was seen last, which goes on; it is followed slowly",
                 {{"ahead_of_wall", signedDuration(at - wall)},
                  {"mend", "stop the coordinator and remove " + path(data_dir) + ": timed pauses may end at once"}});
  }
  loop.anchorSteady(at);
  saveClock(loop, data_dir);
}

void saveClock(loop::Loop& loop, const std::string& data_dir) {
  const WallTime now = loop.steadyNow();
  const ClockRecord record{bootId(), now - loop.now().time_since_epoch(), now};
  Result<void> written = writeFileAtomically(path(data_dir), writeClockRecord(record));
  if (!written) log::warning("the clock's file cannot be written", {{"error", describe(written.error())}});
}

loop::Task<void> keepClock(loop::Loop& loop, std::string data_dir) {
  Duration difference = loop.wallNow() - loop.steadyNow();
  MonoTime saved = loop.now();
  for (;;) {
    co_await loop::sleep(loop, kCheckInterval);
    const Duration before = std::exchange(difference, loop.wallNow() - loop.steadyNow());
    const bool jumped = difference - before > kJump || before - difference > kJump;
    if (jumped) {
      log::warning("the wall clock has jumped: pauses and deadlines go on as they were, and follow it slowly",
                   {{"by", signedDuration(difference - before)}});
    }
    if (!jumped && loop.now() - saved < kSaveInterval) continue;
    saveClock(loop, data_dir);
    saved = loop.now();
  }
}

}  // namespace towpath::coordinator
