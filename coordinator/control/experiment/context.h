#pragma once
// What the parts of the experiment controller work with, and what one pass knows.

#include <map>
#include <string>

#include "base/value.h"
#include "cluster/events.h"
#include "cluster/object_api.h"
#include "control/caches.h"
#include "engine/experiment/world.h"
#include "loop/loop.h"

namespace towpath::control {

// All of it outlives the controller.
struct ExperimentContext {
  loop::Loop* loop = nullptr;
  cluster::ObjectApi* api = nullptr;
  cluster::EventRecorder* events = nullptr;
  Caches caches;
};

// One Experiment as this pass sees it. Actions that succeeded change it at once, before the caches are asked again.
struct ExperimentView {
  cluster::ObjectRef ref;
  Value object;
  cluster::ObjectRef rollout;                 // that it is a step of; nullptr: it stands alone
  std::map<std::string, Value> replica_sets;  // by template
  experiment::World world;

  const std::string& ns() const { return ref->meta().ns; }
  cluster::ObjectKey key() const { return {ref->meta().ns, ref->meta().name}; }
};

}  // namespace towpath::control
