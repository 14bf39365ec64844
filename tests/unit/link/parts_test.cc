#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "link/assignment_file.h"
#include "link/identity.h"
#include "link/report_queue.h"

namespace towpath::link {
namespace {

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-link-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()));
    path = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

wire::ObjectState object(const std::string& name, const std::string& json, std::uint64_t hash) {
  return {.resource = "secrets", .ns = "default", .name = name, .json = json, .hash = hash};
}

TEST_CASE("an assignment counts when it is whole; a delta changes, a snapshot replaces") {
  ObjectSet objects;
  CHECK(!objects.apply({.revision = 1, .snapshot = true, .objects = {object("a", "{}", 1)}, .more = true}));
  CHECK(objects.objects().empty());
  CHECK(objects.apply({.revision = 1, .objects = {object("b", "{}", 2)}}));
  CHECK(objects.objects().size() == 2);
  CHECK(objects.apply(
      {.revision = 2, .objects = {{.resource = "secrets", .ns = "default", .name = "a", .deleted = true}}}));
  CHECK(objects.holds() == std::vector<wire::HeldObject>{{"secrets", "default", "b", 2}});
  CHECK(objects.apply({.revision = 3, .snapshot = true}));
  CHECK(objects.objects().empty());
  CHECK(objects.revision() == 3);
}

TEST_CASE("what came of an assignment that was broken off is dropped") {
  ObjectSet objects;
  objects.apply({.revision = 1, .snapshot = true, .objects = {object("a", "{}", 1)}, .more = true});
  objects.dropPartial();
  CHECK(objects.apply({.revision = 2, .objects = {object("b", "{}", 2)}}));
  CHECK(objects.objects().size() == 1);
}

TEST_CASE("the assignment on the disk is sealed, whole, and this node's") {
  Directory directory;
  AssignmentFile file(directory.path);
  CHECK(!file.load()->has_value());
  ObjectSet objects;
  objects.apply({.revision = 7, .snapshot = true, .objects = {object("a", "the-secret", 1)}});
  REQUIRE(file.write(*file.seal(objects)));
  Result<std::optional<ObjectSet>> loaded = file.load();
  REQUIRE(loaded);
  REQUIRE(loaded->has_value());
  CHECK((*loaded)->revision() == 7);
  CHECK((*loaded)->objects().begin()->second.json == "the-secret");
  const std::string path = directory.path + "/assignment.sealed";
  std::string bytes = *readFile(path);
  CHECK(!bytes.contains("the-secret"));

  SUBCASE("damage shows") {
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    REQUIRE(writeFileAtomically(path, bytes));
    CHECK(file.load().error().kind == ErrorKind::kCorrupt);
  }
  SUBCASE("a cut file shows") {
    REQUIRE(writeFileAtomically(path, bytes.substr(0, 10)));
    CHECK(file.load().error().kind == ErrorKind::kCorrupt);
  }
  SUBCASE("another node's key does not open it") {
    REQUIRE(writeFileAtomically(directory.path + "/node.seal", std::string(32, 'x')));
    CHECK(file.load().error().kind == ErrorKind::kCorrupt);
  }
}

TEST_CASE("an identity is kept for its owner alone, and damage shows") {
  Directory directory;
  IdentityFiles files(directory.path);
  CHECK(!files.load()->has_value());
  Identity identity{.node_name = "n", .node_uid = "u", .key_pem = "k", .certificate_pem = "c", .ca_pem = "ca"};
  REQUIRE(files.save(identity));
  CHECK(files.load()->value() == identity);
  auto mode = std::filesystem::status(directory.path + "/identity.json").permissions();
  CHECK((mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) ==
        std::filesystem::perms::none);
  REQUIRE(writeFileAtomically(directory.path + "/identity.json", "{"));
  CHECK(files.load().error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("a report stays as it is until it is acknowledged; then what came meanwhile goes") {
  ReportQueue queue("nonce");
  queue.pod({.name = "a", .uid = "1", .status_json = "old"});
  queue.pod({.name = "a", .uid = "1", .status_json = "new"});
  wire::Report first = queue.take();
  REQUIRE(first.pods.size() == 1);
  CHECK(first.pods[0].status_json == "new");
  queue.pod({.name = "a", .uid = "1", .status_json = "newer"});
  queue.sample({.requests = 1});
  CHECK(queue.take() == first);
  CHECK(queue.urgent());
  CHECK(queue.acknowledge().size() == 1);
  wire::Report second = queue.take();
  CHECK(second.sequence == first.sequence + 1);
  CHECK(second.pods[0].status_json == "newer");
  CHECK(second.samples.size() == 1);
  queue.acknowledge();
  CHECK(!queue.urgent());
}

TEST_CASE("samples of a long outage are bounded: the oldest go, and are counted") {
  ReportQueue queue("nonce");
  for (int i = 0; i < 10010; ++i) queue.sample({.window_start_unix_ms = i});
  CHECK(queue.samplesLost() == 10);
  CHECK(queue.take().samples.front().window_start_unix_ms == 10);
}

TEST_CASE("reports of many samples with large sketches stay below what the coordinator takes, and none is lost") {
  ReportQueue queue("nonce");
  for (int i = 0; i < 3000; ++i) {
    queue.sample({.window_start_unix_ms = i,
                  .latency_sketch = std::string(1000, 'x'),
                  .instances = {{"pod-a", 1, 0, std::string(1000, 'a')}, {"pod-b", 1, 0, std::string(1000, 'b')}}});
  }
  std::vector<wire::TrafficSample> all;
  while (queue.urgent()) {
    const wire::Report& report = queue.take();
    CHECK(wire::encode(report).size() < (1u << 20));
    all.insert(all.end(), report.samples.begin(), report.samples.end());
    queue.acknowledge();
  }
  REQUIRE(all.size() == 3000);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].window_start_unix_ms == static_cast<std::int64_t>(i));
  // How fast each instance was is asked for at once or never.
  CHECK(all.front().instances == std::vector<wire::InstanceTraffic>{{"pod-a", 1, 0}, {"pod-b", 1, 0}});
  CHECK(all.back().instances[1].latency_sketch.size() == 1000);
}

}  // namespace
}  // namespace towpath::link
