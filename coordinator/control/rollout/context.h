#pragma once
// What the parts of the rollout controller work with, and what one pass knows.

#include <functional>
#include <map>
#include <string>

#include "base/value.h"
#include "cluster/events.h"
#include "cluster/object_api.h"
#include "control/caches.h"
#include "control/objects/writes.h"
#include "control/rollout/facts.h"
#include "control/rollout/step_plugin.h"
#include "control/rollout/webhook.h"
#include "engine/rollout/decision.h"
#include "loop/loop.h"
#include "traffic/registry.h"

namespace towpath::control {

// Told of each decision before it is carried out, in tests and the simulator; it only looks.
using DecisionObserver = std::function<void(const rollout::World&, const rollout::Decision&, WallTime now)>;

// All of it outlives the controller.
struct RolloutContext {
  loop::Loop* loop = nullptr;
  cluster::ObjectApi* api = nullptr;
  cluster::EventRecorder* events = nullptr;
  Caches caches;
  TemplateFacts facts;
  StepPlugins* step_plugins = nullptr;  // nullptr: there are none
  Webhooks* webhooks = nullptr;         // nullptr: none passes
  traffic::RouteReports route_reports = traffic::RouteReports::kNone;
  Duration status_delay = Duration::zero();  // status_delay.h
  DecisionObserver observe_decision = {};
};

// One Rollout as this pass sees it: the object, what belongs to it, and the engine's view of both. Actions that
// succeeded change it at once, before the caches are asked again.
struct View {
  cluster::ObjectRef ref;
  Value object;
  std::map<std::string, Value> replica_sets;  // by name
  rollout::World world;

  cluster::ObjectKey key() const { return {ref->meta().ns, ref->meta().name}; }
};

traffic::RouterContext routerContext(const RolloutContext& context);
// What the router of this key (as in routerConfig) has to set.
traffic::Target routerTarget(const View& view, std::string_view router);
// The configuration of the router that the Rollout names by this key ("nginx", "plugins/…").
const Value& routerConfig(const Value& rollout, const std::string& key);

}  // namespace towpath::control
