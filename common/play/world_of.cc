#include "play/world_of.h"

#include <algorithm>

#include "api/extensions.h"
#include "api/keys.h"
#include "api/rollout_view.h"
#include "api/template_hash.h"
#include "api/validate.h"
#include "api/workload_view.h"

namespace towpath::play {
namespace {

using rollout::ServiceRole;
using rollout::World;

void addServices(World& world) {
  const auto add = [&world](ServiceRole role, const std::string& name) {
    const bool known =
        std::ranges::any_of(world.services, [role](const rollout::ServiceView& view) { return view.role == role; });
    if (!name.empty() && !known) world.services.push_back({role, {name, "", ""}});
  };
  if (const model::BlueGreenStrategy* strategy = world.spec.blueGreen()) {
    add(ServiceRole::kActive, strategy->active_service);
    add(ServiceRole::kPreview, strategy->preview_service);
  }
  if (const model::CanaryStrategy* strategy = world.spec.canary()) {
    add(ServiceRole::kStable, strategy->stable_service);
    add(ServiceRole::kCanary, strategy->canary_service);
    if (strategy->ping_pong) {
      add(ServiceRole::kPing, strategy->ping_pong->ping_service);
      add(ServiceRole::kPong, strategy->ping_pong->pong_service);
    }
  }
}

void readSpec(World& world, const Value& rollout) {
  world.recreate = rollout["metadata"]["annotations"][api::kStrategyAnnotation].asStringView() == "recreate";
  world.extensions = api::decodeExtensions(rollout);
  world.spec = api::decodeRolloutSpec(rollout);
  world.invalid.reset();
  if (const api::FieldErrors errors = api::validateRollout(rollout); !errors.empty()) {
    world.invalid = api::describe(errors.front());
  }
  const Value& strategy = rollout["spec"]["strategy"];
  world.computed_hash = api::podTemplateHash(rollout["spec"]["template"], world.status.collision_count);
  world.step_hash = strategy["canary"].isObject() ? api::stepHash(strategy["canary"]["steps"]) : "";
  world.selector_text = api::selectorText(rollout["spec"]["selector"]);
  addServices(world);
}

}  // namespace

World worldOf(const Value& rollout) {
  World world;
  world.name = rollout["metadata"]["name"].asString("rollout");
  world.namespace_name = rollout["metadata"]["namespace"].asString("default");
  world.uid = "uid";
  world.status = api::decodeRolloutStatus(rollout);
  readSpec(world, rollout);
  return world;
}

void applySpec(World& world, const Value& rollout) {
  ++world.generation;
  readSpec(world, rollout);
  const auto same = std::ranges::find(world.replica_sets, world.computed_hash, &model::ReplicaSet::hash);
  world.new_rs = same == world.replica_sets.end() ? std::nullopt : std::optional(same->name);
}

}  // namespace towpath::play
