#pragma once
// SimulatedCluster: what Kubernetes or our own edge does around the controllers, in the namespace of a scenario.
// ReplicaSets get pods; pods start, get ready, fail, crash and vanish as the scenario says of their version; the
// dependents of what is deleted are collected.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/memory_api.h"
#include "loop/loop.h"
#include "simulate/agenda.h"
#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class SimulatedCluster {
 public:
  // All of it outlives the cluster.
  SimulatedCluster(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario);

  // Carries out what concerns pods; false if it is something else.
  bool take(const Act& act);
  // From now on nothing flaps, and what broke works again.
  void heal();

  // Pods that run (ready or not, ending ones too) of each version hash.
  std::map<std::string, int> running() const;
  int version(const std::string& hash) const;  // 0 if there is none

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
  void breakVersion(int version, Duration lasts);
  void mendVersion(int version);
  void collect(const Value& gone);
  Set* pick(int index);

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  Random random_;
  std::map<std::string, Set> sets_;
  std::set<int> broken_;  // versions that do not work for now
  int next_pod_ = 0;
  bool healed_ = false;
  Agenda agenda_;  // last: what is due looks at the rest
};

}  // namespace towpath::simulate
