#pragma once
// What outlives the coordinator of its steady clock (loop/steady_clock.h): the file `clock` in the data directory.
//
//   {"bootId": "…", "atBoot": "2026-11-25T12:00:00.000000Z", "latest": "…"}
//
// Within one boot the clock goes on as if the coordinator had never stopped, whatever happened to the wall clock
// meanwhile. After a reboot it shows the later of the wall clock and the latest time that was seen: the machine may
// have been off for long, and it may have no clock while off. Without the file, or with one that cannot be read, it is
// the wall clock's. Removing the file while the coordinator is stopped sets the clock right at once; timed pauses may
// end.

#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace towpath::coordinator {

struct ClockRecord {
  std::string boot_id;
  WallTime at_boot;  // what the clock shows at zero of the boot-time clock
  WallTime latest;   // seen so far
};

std::string writeClockRecord(const ClockRecord& record);
Result<ClockRecord> readClockRecord(std::string_view text);

// What the clock shows at the start; `record` is null where there is none.
WallTime clockAtStart(const ClockRecord* record, std::string_view boot_id, MonoTime now, WallTime wall);

// Sets the loop's clock by the file, before anybody reads it.
void startClock(loop::Loop& loop, const std::string& data_dir);
// Keeps the file for as long as it runs, and says in the log when the wall clock has jumped.
loop::Task<void> keepClock(loop::Loop& loop, std::string data_dir);
void saveClock(loop::Loop& loop, const std::string& data_dir);

}  // namespace towpath::coordinator
