#include "supervise/supervisor.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/client.h"
#include "loop/loop.h"
#include "loop/uv_loop.h"
#include "supervise/pod_runner.h"

namespace towpath::supervise {
namespace {

constexpr Duration kHousekeepingInterval = std::chrono::seconds(30);

class ProcessSupervisor final : public Supervisor {
 public:
  ProcessSupervisor(loop::UvLoop& loop, Options options, Hooks hooks)
      : loop_(loop),
        options_(std::move(options)),
        hooks_(std::move(hooks)),
        client_(loop),
        artifacts_(loop, client_, options_.data_dir + "/artifacts"),
        logs_(options_.data_dir + "/logs"),
        cgroups_(Cgroups::open(options_.cgroup_root)),
        records_(options_.data_dir + "/instances"),
        ports_(options_.port_first, options_.port_last, readEphemeralRange()),
        shared_{loop,       options_,  client_,
                artifacts_, logs_,     cgroups_,
                records_,   agentId(), options_.data_dir + "/instances"} {}

  loop::Task<Result<void>> adopt() override {
    // Instances may run as another user: they pass through the data directory to their artifact, and see nothing
    // beside it. Set explicitly, because the directory may be there already and the umask may be narrow.
    for (const auto& [directory, mode] :
         {std::pair{"", 0711}, std::pair{"/instances", 0700}, std::pair{"/logs", 0750}}) {
      const std::string path = options_.data_dir + directory;
      if (auto made = makeDirectories(path, mode); !made) co_return made;
      if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0)
        co_return std::unexpected(lastOsError("cannot open up " + path));
    }
    if (auto opened = artifacts_.open(); !opened) co_return opened;
    auto records = records_.readAll();
    if (!records) co_return std::unexpected(records.error());
    for (PodRecord& record : *records) {
      ports_.claim(allPorts(record));
      const std::string uid = record.uid;
      adopted_.emplace(uid, std::move(record));
    }
    housekeeping_ = loop_.startTimer(kHousekeepingInterval, [this] { keepHouse(); });
    co_return Result<void>();
  }

  void setDesired(std::vector<DesiredPod> pods) override {
    std::set<std::string> wanted;
    for (DesiredPod& pod : pods) {
      wanted.insert(pod.uid);
      const auto running = pods_.find(pod.uid);
      if (running != pods_.end()) {
        running->second->update(std::move(pod));
        continue;
      }
      start(std::move(pod));
    }
    // Records of an earlier agent that nobody wants any more: run only to be ended properly.
    for (auto& [uid, record] : adopted_) {
      DesiredPod leftover{record.ns, record.name, uid, recordedPod(record), {}, {}, {}};
      auto runner = std::make_unique<PodRunner>(shared_, ports_, hooks_, std::move(leftover), std::move(record));
      runner->stop();
      pods_.emplace(uid, std::move(runner));
    }
    adopted_.clear();
    for (const auto& [uid, runner] : pods_) {
      if (!wanted.contains(uid)) runner->stop();
    }
  }

  std::vector<PodState> states() const override {
    std::vector<PodState> states;
    for (const auto& [uid, runner] : pods_) states.push_back(runner->state());
    return states;
  }

  void forget(const std::string& uid) override {
    const auto found = pods_.find(uid);
    if (found == pods_.end() || !found->second->state().gone) return;
    const PodState& state = found->second->state();
    logs_.removePod(state.ns, state.name, uid);
    pods_.erase(found);
    collectArtifacts();
  }

  Result<std::unique_ptr<LogReader>> openLog(const LogQuery& query) override {
    for (const auto& [uid, runner] : pods_) {
      if (runner->state().ns == query.ns && runner->state().name == query.pod) return runner->openLog(query);
    }
    return fail(ErrorKind::kNotFound, fmt::format("pods \"{}\" not found on this node", query.pod));
  }

 private:
  // Tells our instances from those of another agent on the same machine.
  std::string agentId() const {
    std::error_code error;
    const std::string real = std::filesystem::weakly_canonical(options_.data_dir, error).string();
    return fmt::format("{:016x}", fnv1a64(error ? options_.data_dir : real));
  }

  void start(DesiredPod pod) {
    PodRecord record;
    if (auto found = adopted_.extract(pod.uid)) record = std::move(found.mapped());
    // A pod that was deleted before we ever saw it has nothing to stop, but its end must be told.
    const bool deleting = pod.pod["metadata"]["deletionTimestamp"].isString();
    const std::string uid = pod.uid;
    auto runner = std::make_unique<PodRunner>(shared_, ports_, hooks_, std::move(pod), std::move(record));
    if (deleting) runner->stop();
    pods_.emplace(uid, std::move(runner));
  }

  // A Pod of what the record knows, enough to find its processes and end them.
  static Value recordedPod(const PodRecord& record) {
    Array containers;
    for (const auto& [name, container] : record.containers) {
      containers.push_back(Object{{"name", name}, {"image", "file:///gone"}});
    }
    if (containers.empty()) containers.push_back(Object{{"name", "none"}, {"image", "file:///gone"}});
    return Object{{"metadata", Object{{"namespace", record.ns},
                                      {"name", record.name},
                                      {"uid", record.uid},
                                      {"deletionTimestamp", "1970-01-01T00:00:00Z"}}},
                  {"spec", Object{{"containers", std::move(containers)}}}};
  }

  void collectArtifacts() {
    std::set<std::string> in_use;
    for (const auto& [uid, runner] : pods_) in_use.merge(runner->artifacts());
    artifacts_.collectGarbage(in_use);
  }

  void keepHouse() {
    for (const auto& [uid, runner] : pods_) runner->rotateLogs();
    housekeeping_ = loop_.startTimer(kHousekeepingInterval, [this] { keepHouse(); });
  }

  loop::UvLoop& loop_;
  Options options_;
  Hooks hooks_;
  http::Client client_;
  ArtifactStore artifacts_;
  LogFiles logs_;
  Cgroups cgroups_;
  RecordStore records_;
  PortAllocator ports_;
  Shared shared_;
  std::map<std::string, PodRecord> adopted_;  // by uid; until the first setDesired()
  loop::Timer housekeeping_;
  std::map<std::string, std::unique_ptr<PodRunner>> pods_;
};

}  // namespace

std::unique_ptr<Supervisor> makeSupervisor(loop::UvLoop& loop, Options options, Hooks hooks) {
  return std::make_unique<ProcessSupervisor>(loop, std::move(options), std::move(hooks));
}

}  // namespace towpath::supervise
