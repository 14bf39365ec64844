// Resource limits by cgroup v2. No test machine has its controllers to give away (they belong to v1, or to a
// container's owner), so a directory with the kernel's control files as plain ones stands in for them: what is written
// where is what the kernel's documentation (cgroup-v2.rst) asks for.
#include "supervise/cgroup.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::supervise;
using towpath::testing::TempDir;

namespace {

struct FakeCgroup {
  explicit FakeCgroup(const std::string& directory) : root(directory + "/cgroup") {
    for (const char* group : {"", "/agent", "/i1"}) {
      std::filesystem::create_directories(root + group);
      for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "memory.max", "cpu.max",
                               "memory.oom.group", "memory.events"})
        std::ofstream(root + group + "/" + file).flush();
    }
  }
  std::string read(const std::string& file) const { return readFile(root + "/" + file).value_or("?"); }
  std::string root;
};

}  // namespace

TEST_CASE("limits become those of a group of the instance's own, and the agent leaves the way free") {
  const TempDir dir;
  const FakeCgroup fake(dir.path());
  const Cgroups cgroups = Cgroups::open(fake.root);
  REQUIRE(cgroups.available());
  CHECK(fake.read("agent/cgroup.procs") == "0\n");
  CHECK(fake.read("cgroup.subtree_control") == "+memory +cpu +pids");
  const auto made = cgroups.prepare("i1", {.memory_bytes = std::int64_t{256} << 20, .cpu_milli = 250});
  REQUIRE(made);
  CHECK(*made == fake.root + "/i1");
  CHECK(fake.read("i1/memory.max") == "268435456");
  CHECK(fake.read("i1/cpu.max") == "25000 100000");
  CHECK(fake.read("i1/memory.oom.group") == "1");
  CHECK_FALSE(cgroups.outOfMemory("i1"));
  std::ofstream(fake.root + "/i1/memory.events") << "low 0\noom 1\noom_kill 1\n";
  CHECK(cgroups.outOfMemory("i1"));
  CHECK_FALSE(cgroups.remove("i1"));  // a real one is empty once its processes are gone
  CHECK(fake.read("i1/cgroup.kill") == "1");
  std::filesystem::remove_all(fake.root + "/i1");
  CHECK(cgroups.remove("i1"));
}

TEST_CASE("without limits the group has none, and one that cannot be made is an error with its file") {
  const TempDir dir;
  const FakeCgroup fake(dir.path());
  const Cgroups cgroups = Cgroups::open(fake.root);
  REQUIRE(cgroups.prepare("i1", {}));
  CHECK(fake.read("i1/memory.max") == "max");
  CHECK(fake.read("i1/cpu.max") == "max 100000");
  const auto failed = cgroups.prepare("i2", {});  // no control files in it: not a cgroup
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("cannot limit memory in " + fake.root + "/i2") != std::string::npos);
  CHECK_FALSE(Cgroups::open(dir.path() + "/none").available());
  CHECK_FALSE(Cgroups::open("none").available());
}
