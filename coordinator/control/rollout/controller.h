#pragma once
// The rollout controller: gather → decide → act, until the engine has nothing more to say in this turn. Started again
// at any moment it goes on from what is: nothing that counts lives only in its memory.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "control/rollout/act.h"
#include "control/rollout/context.h"
#include "control/rollout/services.h"
#include "control/rollout/status_delay.h"
#include "loop/scope.h"

namespace towpath::control {

class RolloutController {
 public:
  // The caches are started by their owner.
  explicit RolloutController(RolloutContext context, int workers = 4);
  RolloutController(const RolloutController&) = delete;
  RolloutController& operator=(const RolloutController&) = delete;

  // Begins as soon as the caches are complete.
  void start();
  cluster::Controller& controller() { return controller_; }

 private:
  loop::Task<void> begin();
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  loop::Task<Result<cluster::PassEnd>> turn(View& view);
  std::optional<Value> selectorOf(const Value& rollout) const;
  loop::Task<Result<void>> claim(cluster::ObjectRef rollout, const Value& object);
  loop::Task<Result<void>> setOwner(cluster::ObjectRef replica_set, Value owners);
  void remember(const View& view);
  void listen();
  void enqueueOwner(const cluster::CacheChange& change);
  void enqueueUsers(const cluster::Resource& resource, const cluster::CacheChange& change);
  void noteReplicaSet(const cluster::CacheChange& change);
  void noteRoute(const cluster::CacheChange& change);

  RolloutContext context_;
  Actor actor_;
  // What the routers took over, by the Rollout's uid. Forgotten when somebody else changes a route: set again then.
  std::map<std::string, rollout::TrafficView> traffic_;
  std::map<std::string, std::set<cluster::ObjectKey>> users_;       // of what is referred to by name
  std::map<cluster::ObjectKey, std::set<std::string>> references_;  // the other way round
  std::set<cluster::ObjectKey> orphans_;                            // ReplicaSets with a hash and without an owner
  cluster::Controller controller_;
  ServiceController services_;
  std::vector<cluster::Cache::Listener> listeners_;
  PluginCalls plugin_calls_;
  WebhookCalls webhook_calls_;
  StatusDelay status_delay_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
