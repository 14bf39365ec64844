#pragma once
// FaultyApi: what one coordinator process sees of the API. It passes everything on to the cluster, unless misfortune
// is due: calls that are slow, refused, or done without an answer; watches that are late, repeat themselves, break, or
// find their history gone; and death between any two writes, after which nothing is ever answered.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/memory_api.h"
#include "loop/event.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

inline const std::array<cluster::Resource, 6> kLateKinds = {cluster::kRollouts,   cluster::kReplicaSets,
                                                            cluster::kServices,   cluster::kAnalysisRuns,
                                                            cluster::kHttpRoutes, cluster::kPods};

// Faults that are due, shared by all processes of a world.
struct Faults {
  // Takes note of the act; false if it is none of the API.
  bool take(const Act& act, MonoTime now);
  void clear();

  int conflicts = 0, errors = 0, lost_replies = 0;  // of the next writes
  int cuts = 0;                                     // processes cut their watches when this changes
  int repeats = 0;
  std::array<Duration, kLateKinds.size()> late{};
  Duration slow{};
  MonoTime late_until{}, slow_until{};
  std::string no_quota;  // a namespace whose ReplicaSets are refused, to the end
};

// Who writes now: the monitor must know.
enum class Writer : std::uint8_t { kCluster, kPerson, kController };

class FaultyApi final : public cluster::ObjectApi {
 public:
  using Object = Result<cluster::ObjectRef>;
  struct Parts {
    loop::Loop& loop;
    cluster::MemoryApi& cluster;
    Faults& faults;
    Writer& writer;
    std::function<void(const std::string&)> log;  // each write: "patch rollouts/shop status", "… ns1/shop …"
    std::function<void()> died;                   // called once, within a call: it must not destroy the process yet
  };
  explicit FaultyApi(Parts parts) : parts_(std::move(parts)), never_(parts_.loop) {}

  // Dies at the `writes`-th write from now: before it, or after it was done.
  void dieAt(int writes, bool after) {
    dies_at_ = writes;
    dies_after_ = after;
  }
  bool dead() const { return dead_; }
  int writes() const { return writes_; }

  loop::Task<Object> get(const cluster::Resource& resource, std::string ns, std::string name) override;
  loop::Task<Result<cluster::ObjectList>> list(const cluster::Resource& resource,
                                               cluster::ListOptions options) override;
  loop::Task<Result<std::unique_ptr<cluster::Watch>>> watch(const cluster::Resource& resource,
                                                            cluster::WatchOptions options) override;
  loop::Task<Object> create(const cluster::Resource& resource, Value object, cluster::WriteOptions options) override;
  loop::Task<Object> update(const cluster::Resource& resource, Value object, cluster::WriteOptions options) override;
  loop::Task<Object> patch(const cluster::Resource& resource, std::string ns, std::string name, cluster::PatchType type,
                           Value patch, cluster::WriteOptions options) override;
  loop::Task<Result<void>> remove(const cluster::Resource& resource, std::string ns, std::string name,
                                  cluster::DeleteOptions options) override;

 private:
  class FaultyWatch;
  loop::Task<void> reach();  // waits as long as a call takes; for ever once dead
  void die();
  // Counts the write; the error that it is to have without being done.
  std::optional<Error> refusal(const cluster::Resource& resource, const std::string& ns, std::string what);
  // `what`: verb and name; the line of the log is made of it.
  struct What {
    const char* verb;
    std::string ns, name, subresource;
  };
  template <class T>
  loop::Task<Result<T>> write(const cluster::Resource& resource, What what, std::function<Result<T>()> done);

  Parts parts_;
  loop::Event never_;
  bool dead_ = false;
  int writes_ = 0;
  int dies_at_ = 0;  // 0: not
  bool dies_after_ = false;
};

}  // namespace towpath::simulate
