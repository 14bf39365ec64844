#pragma once
// The experiment controller: gather → decide → act → status, until the engine has nothing more to say in this turn.
// Nothing that counts lives only in its memory.

#include <vector>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "control/experiment/act.h"
#include "control/experiment/context.h"
#include "loop/scope.h"

namespace towpath::control {

class ExperimentController {
 public:
  // The caches are started by their owner.
  explicit ExperimentController(ExperimentContext context, int workers = 4);
  ExperimentController(const ExperimentController&) = delete;
  ExperimentController& operator=(const ExperimentController&) = delete;

  // Begins as soon as the caches are complete.
  void start();
  cluster::Controller& controller() { return controller_; }

 private:
  loop::Task<void> begin();
  void listen();
  void enqueueOwner(const cluster::CacheChange& change);
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);

  ExperimentContext context_;
  ExperimentActor actor_;
  cluster::Controller controller_;
  std::vector<cluster::Cache::Listener> listeners_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
