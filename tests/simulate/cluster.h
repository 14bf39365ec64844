#pragma once
// SimulatedCluster: what Kubernetes or our own edge does around the controllers. ReplicaSets get pods, pods start, get
// ready, fail, crash and vanish as the scenario says of their version; nodes report what they do with a route; the
// dependents of what is deleted are collected.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/memory_api.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "simulate/faulty_api.h"
#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class SimulatedCluster {
 public:
  // All of it outlives the cluster.
  SimulatedCluster(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario);

  // Carries out what concerns pods or nodes; false if it is something else.
  bool take(const Act& act);
  // From now on nothing flaps, is silent or lies.
  void heal();

  // Pods that run (ready or not, ending ones too) of each version hash.
  std::map<std::string, int> running() const;
  // Share of requests, of 100 parts, that the data plane really gives to the canary service; nullopt: as the route
  // says.
  std::optional<std::int64_t> liveWeight() const { return live_weight_; }

 private:
  struct Pod {
    std::string name;
    MonoTime started{};
    WallTime created{};
    std::optional<MonoTime> ready_since;
    bool ending = false;
    int life = 0;  // raised when what was planned for it does not count any more
  };
  struct Set {
    std::string name, hash, uid;
    int version = 0;
    std::map<std::string, Pod> pods;
    bool queued = false;
    MonoTime look_again{};  // when a ready pod becomes available
  };

  void changed(const cluster::MemoryApi::Change& change);
  void queue(Set& set, Duration after);
  void lookAgain(Set& set, MonoTime at);
  void sync(const std::string& name);
  void writeStatus(Set& set, const Value& object);
  void startPod(Set& set);
  void planPod(Set& set, Pod& pod);
  void endPod(Set& set, Pod& pod);
  void setReady(const std::string& set, const std::string& pod, int life, bool ready);
  void showPod(const Set& set, const Pod& pod);
  void afterwards(Duration after, std::function<void()> call);
  void report();
  void collect(const Value& gone);
  Set* pick(int index);

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  Random random_;
  std::map<std::string, Set> sets_;
  std::map<std::uint64_t, loop::Timer> timers_;
  std::uint64_t next_timer_ = 0;
  int next_pod_ = 0;
  bool healed_ = false;
  MonoTime silent_until_{}, lying_until_{};
  bool report_queued_ = false;
  std::optional<std::int64_t> live_weight_;
};

}  // namespace towpath::simulate
