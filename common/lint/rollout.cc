#include <fmt/format.h>

#include <algorithm>

#include "api/schema.h"
#include "api/validate.h"
#include "engine/rollout/pass.h"
#include "json/field.h"
#include "lint/checks.h"
#include "play/manifests.h"
#include "play/world_of.h"

namespace towpath::lint {
namespace {

constexpr const char* kSteps = "spec.strategy.canary.steps";

const Value* objectOf(const Document* document) { return document ? &document->object : nullptr; }

void checkReferences(const Document& document, const Value& rollout, Bench bench) {
  const auto lookUp = [&](const char* kind, std::string_view ns) {
    return [&bench, kind, ns](std::string_view name) { return objectOf(bench.documents.find(kind, name, ns)); };
  };
  const api::References references{.service = lookUp("Service", document.ns()),
                                   .analysis_template = lookUp("AnalysisTemplate", document.ns()),
                                   .cluster_analysis_template = lookUp("ClusterAnalysisTemplate", "")};
  for (const api::FieldError& error : api::validateReferences(rollout, references, api::Lookups::kAll)) {
    if (!error.message.ends_with(" not found")) {
      bench.findings.error(document, error);
    } else if (!error.path.ends_with("templates")) {  // those are looked for by checkUse
      const std::string_view name = json::fieldAt(rollout, error.path).asStringView();
      bench.findings.missing(document, error.path, fmt::format("Service \"{}\"", name));
    }
  }
  const Value& workload = rollout["spec"]["workloadRef"];
  const std::string_view name = workload["name"].asStringView();
  if (!name.empty() && !bench.documents.find(workload["kind"].asStringView(), name, document.ns())) {
    bench.findings.missing(document, "spec.workloadRef",
                           fmt::format("{} \"{}\"", workload["kind"].asStringView(), name));
  }
}

void checkAnalyses(const Document& document, const Value& strategy, Bench bench) {
  const auto check = [&](const Value& block, const std::string& path) {
    if (block.isObject()) checkUse({document, block, path, true}, bench);
  };
  check(strategy["blueGreen"]["prePromotionAnalysis"], "spec.strategy.blueGreen.prePromotionAnalysis");
  check(strategy["blueGreen"]["postPromotionAnalysis"], "spec.strategy.blueGreen.postPromotionAnalysis");
  check(strategy["canary"]["analysis"], "spec.strategy.canary.analysis");
  const Array& steps = strategy["canary"]["steps"].asArray();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string path = json::joinPath(kSteps, i);
    check(steps[i]["analysis"], path + ".analysis");
    checkExperimentParts(document, steps[i]["experiment"], path + ".experiment", bench);
  }
}

// Allowed, and rarely meant.
void checkWeights(const Document& document, const Value& canary, Findings& findings) {
  const Array& steps = canary["steps"].asArray();
  std::int64_t before = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Value& weight = steps[i]["setWeight"];
    if (!weight.isInt()) continue;
    if (weight.asInt() < before) {
      findings.warning(document, json::joinPath(kSteps, i) + ".setWeight",
                       fmt::format("the weight falls from {} to {}", before, weight.asInt()));
    }
    before = weight.asInt();
  }
}

// What the engine does not carry out: "path: what is wrong".
void checkSupported(const Document& document, const Value& rollout, Findings& findings) {
  const std::optional<std::string> refused = rollout::unsupported(play::worldOf(rollout));
  if (!refused) return;
  const std::size_t end = refused->find(": ");
  findings.error(document, refused->substr(0, end), refused->substr(end + 2));
}

}  // namespace

void checkRollout(const Document& document, Bench bench) {
  Value rollout = document.object;
  api::applyDefaults(play::schemaOf("Rollout"), rollout);
  const api::FieldErrors errors = api::validateRollout(rollout);
  for (const api::FieldError& error : errors) bench.findings.error(document, error);
  if (errors.empty()) checkSupported(document, rollout, bench.findings);
  checkReferences(document, rollout, bench);
  checkAnalyses(document, rollout["spec"]["strategy"], bench);
  checkWeights(document, rollout["spec"]["strategy"]["canary"], bench.findings);
  checkRouting(document, bench);
}

}  // namespace towpath::lint
