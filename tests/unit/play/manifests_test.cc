#include "play/manifests.h"

#include <doctest/doctest.h>

#include "examples.h"

namespace towpath::play {
namespace {

using examples::errorTemplate;
using examples::read;
using examples::rollout;

std::string refusal(std::vector<Value> objects, std::string_view name = "") {
  const Result<Manifests> manifests = Manifests::read(std::move(objects), name);
  if (!manifests) return describe(manifests.error());
  const Result<void> checked = manifests->check();
  return checked ? "" : describe(checked.error());
}

constexpr const char* kAnalysed = "{canary: {steps: [{analysis: {templates: [{templateName: errors}]}}]}}";

TEST_CASE("the Rollout and its templates are found among other objects") {
  const Result<Manifests> manifests = Manifests::read(
      {read("{kind: Service, metadata: {name: a}}"), rollout(kAnalysed), errorTemplate(), read("{kind: Gateway}")}, "");
  REQUIRE(manifests);
  CHECK(manifests->rollout["metadata"]["name"].asStringView() == "shop");
  CHECK(manifests->find()({"errors", false})["kind"].asStringView() == "AnalysisTemplate");
  CHECK(manifests->find()({"errors", true}).isNull());
}

TEST_CASE("what cannot be played is refused with object, field and mend") {
  CHECK(refusal({}) == "-f: the files have no Rollout");
  CHECK(refusal({rollout("{canary: {}}")}, "web") == "-f: the files have no Rollout \"web\"");
  Value other = rollout("{canary: {}}");
  other["metadata"]["name"] = "web";
  CHECK(refusal({rollout("{canary: {}}"), other}).contains("2 Rollouts: name the one to play (shop, web"));
  CHECK(refusal({rollout("{canary: {}}"), other}, "web") == "");
  CHECK(refusal({rollout("{canary: {stepz: []}}")}) ==
        "Rollout \"shop\": unknown field \"spec.strategy.canary.stepz\"");
  CHECK(refusal({rollout("{canary: {steps: [{setWeight: 120}]}}")}).contains("setWeight"));
  CHECK(refusal({rollout("{canary: {}}", "minReadySeconds: soon")}).contains("spec.minReadySeconds"));
  CHECK(refusal({rollout(kAnalysed)}).contains("errors"));
  CHECK(refusal({rollout(kAnalysed)}).contains("must be in one of the files"));
}

}  // namespace
}  // namespace towpath::play
