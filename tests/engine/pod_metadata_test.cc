// Ephemeral metadata by the part that a version plays, and the anti-affinity term (core-semantics 2.9, 2.10).
#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

model::ObjectMetadata role(const std::string& name) { return {{{"role", name}}, {}}; }

// "v1=stable v2=canary"
std::string roles(Scenario& s) {
  std::string text;
  for (const model::ReplicaSet& set : s.world.replica_sets) {
    const std::string value = set.ephemeral_metadata ? set.ephemeral_metadata->labels.at("role") : "-";
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", set.hash, value);
  }
  return text;
}

model::CanaryStrategy labelled() {
  model::CanaryStrategy strategy = canary({setWeight(25), pause()});
  strategy.stable_metadata = role("stable");
  strategy.canary_metadata = role("canary");
  return strategy;
}

const CreateReplicaSet* creation(const Scenario& s, const std::string& hash) {
  for (const Action& action : s.actions) {
    const auto* create = std::get_if<CreateReplicaSet>(&action);
    if (create != nullptr && create->hash == hash) return create;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("metadata: the first version is stable from the start, the next one a canary until it is promoted") {
  Scenario s(labelled());
  s.changeTemplate("v1");
  s.settle();
  CHECK(creation(s, "v1")->metadata == role("stable"));
  s.converge();
  s.changeTemplate("v2");
  s.converge();
  CHECK(creation(s, "v2")->metadata == role("canary"));
  CHECK(roles(s) == "v1=stable v2=canary");

  s.promote();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(roles(s) == "v1=- v2=stable");
}

TEST_CASE("metadata: an aborted canary stays labelled as one, and a way back makes nobody a canary") {
  Scenario s(labelled());
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.abort();
  s.converge();
  CHECK(roles(s) == "v1=stable v2=canary");
  s.changeTemplate("v1");
  s.converge();
  CHECK(roles(s) == "v1=stable v2=-");
}

TEST_CASE("metadata: pods that lag behind are written again, with a look at them soon") {
  Scenario s(labelled());
  s.deployFirst();
  s.set("v1").pods_lag = true;
  s.settle();
  CHECK(s.did(SetEphemeralMetadata{s.set("v1").name, role("stable")}));
  CHECK(!s.set("v1").pods_lag);
}

TEST_CASE("metadata: blocks that are taken out of the spec are taken off the pods") {
  Scenario s(labelled());
  s.deployFirst();
  s.world.spec.strategy = canary({setWeight(25), pause()});
  ++s.world.generation;
  s.converge();
  CHECK(roles(s) == "v1=-");
}

TEST_CASE("metadata: blue-green labels the preview and the active version") {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.auto_promotion_enabled = false;
  strategy.active_metadata = role("active");
  strategy.preview_metadata = role("preview");
  Scenario s(strategy);
  s.deployFirst();
  CHECK(roles(s) == "v1=active");
  s.changeTemplate("v2");
  s.converge();
  CHECK(roles(s) == "v1=active v2=preview");
  s.promote();
  s.converge();
  CHECK(roles(s) == "v1=- v2=active");
}

TEST_CASE("anti-affinity: the new version keeps away from the stable one, the first from nobody") {
  model::CanaryStrategy strategy = canary({setWeight(25), pause()});
  strategy.anti_affinity = model::AntiAffinity{10};
  Scenario s(strategy);
  s.changeTemplate("v1");
  s.converge();
  CHECK(!creation(s, "v1")->repels);
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(creation(s, "v2")->repels);
  CHECK(creation(s, "v2")->repels->hash == "v1");
  CHECK(creation(s, "v2")->repels->kind.preferred_weight == 10);
  s.promote();
  s.converge();
  REQUIRE(s.phase() == "Healthy");

  SUBCASE("an old version that comes back keeps away from the one that is stable by now") {
    s.set("v2").repelled_hash = "v0";
    s.changeTemplate("v3");
    s.converge();
    s.promote();
    s.converge();
    REQUIRE(s.status().stable_rs == "v3");
    s.changeTemplate("v2");
    s.converge();
    CHECK(s.set("v2").repelled_hash == "v3");
  }
  SUBCASE("a settled rollout is left alone") {
    s.actions.clear();
    s.settle();
    CHECK(s.actions.empty());
  }
}

}  // namespace towpath::rollout::test
