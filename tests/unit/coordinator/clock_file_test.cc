#include "clock_file.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/file.h"
#include "loop/virtual_loop.h"

namespace towpath::coordinator {
namespace {

const WallTime kNoon = *parseRfc3339("2026-03-01T12:00:00Z");

TEST_CASE("a record of the clock says the same after it was written and read") {
  const ClockRecord record{"boot-1", kNoon, kNoon + 90s};
  Result<ClockRecord> read = readClockRecord(writeClockRecord(record));
  REQUIRE(read);
  CHECK(read->boot_id == "boot-1");
  CHECK(read->at_boot == kNoon);
  CHECK(read->latest == kNoon + 90s);
  CHECK_FALSE(readClockRecord("{}"));
  CHECK_FALSE(readClockRecord("12:00"));
}

TEST_CASE("within a boot the clock goes on, after a reboot it shows the later of wall and latest") {
  const ClockRecord record{"boot-1", kNoon, kNoon + 1h};
  const MonoTime two_hours_up{2h};
  CHECK(clockAtStart(nullptr, "boot-1", two_hours_up, kNoon) == kNoon);
  CHECK(clockAtStart(&record, "boot-1", two_hours_up, kNoon + 100h) == kNoon + 2h);
  CHECK(clockAtStart(&record, "boot-1", two_hours_up, kNoon - 100h) == kNoon + 2h);
  CHECK(clockAtStart(&record, "boot-2", MonoTime{1min}, kNoon + 3h) == kNoon + 3h);
  CHECK(clockAtStart(&record, "boot-2", MonoTime{1min}, kNoon - 100h) == kNoon + 1h);
}

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-clock-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_CASE("a coordinator that is started again in the same boot keeps its clock through a jump of the wall clock") {
  Directory directory;
  WallTime before;
  {
    loop::VirtualLoop loop;
    startClock(loop, directory.path);
    loop.advance(10min);
    before = loop.steadyNow();
    saveClock(loop, directory.path);
  }
  loop::VirtualLoop loop;
  loop.advance(10min);
  loop.setWall(loop.wallNow() + 48h);
  startClock(loop, directory.path);
  CHECK(loop.steadyNow() == before);
}

TEST_CASE("a file that cannot be read is no clock: the wall clock is taken, and the file made anew") {
  Directory directory;
  REQUIRE(writeFileAtomically(directory.path + "/clock", "garbage"));
  loop::VirtualLoop loop;
  startClock(loop, directory.path);
  CHECK(loop.steadyNow() == loop.wallNow());
  CHECK(readClockRecord(*readFile(directory.path + "/clock")));
}

}  // namespace
}  // namespace towpath::coordinator
