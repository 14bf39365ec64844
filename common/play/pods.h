#pragma once
// The pods of a played rollout: they follow their ReplicaSets, become ready some time after they were made, and are
// gone at once when they are not wanted any more.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/rollout/world.h"

namespace towpath::play {

class Pods {
 public:
  explicit Pods(Duration ready_after) : ready_after_(ready_after) {}

  // Makes and removes pods so that each ReplicaSet has those that it wants, and writes the counts. ReplicaSets and
  // analysis runs that are being deleted go.
  void follow(rollout::World& world, WallTime now);
  // No pod of this version is ready, now or later.
  void keepUnready(const std::string& hash) { unready_hash_ = hash; }
  // One ready pod of the version has to become ready again. False if it has none.
  bool crash(const rollout::World& world, const std::string& hash, WallTime now);
  // When a pod becomes ready or available next.
  std::optional<WallTime> nextChange(const rollout::World& world, WallTime now) const;

 private:
  struct Pod {
    WallTime ready_at{};
  };
  Duration ready_after_;
  std::string unready_hash_;
  std::map<std::string, std::vector<Pod>> by_set_;  // by the ReplicaSet's name, oldest first
};

}  // namespace towpath::play
