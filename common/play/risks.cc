#include "play/risks.h"

#include <fmt/format.h>

#include "api/analysis_view.h"
#include "api/rollout_view.h"

namespace towpath::play {
namespace {

struct Use {
  std::string where;
  const model::AnalysisRef* analysis = nullptr;
  std::string then;  // what a failure leads to
};

std::vector<Use> usesOf(const model::RolloutSpec& spec) {
  std::vector<Use> uses;
  if (const model::BlueGreenStrategy* strategy = spec.blueGreen()) {
    if (strategy->pre_promotion_analysis) {
      uses.push_back({"before the promotion", &*strategy->pre_promotion_analysis, "aborts: the active version stays"});
    }
    if (strategy->post_promotion_analysis) {
      uses.push_back({"after the promotion", &*strategy->post_promotion_analysis, "aborts: back to the old version"});
    }
  }
  if (const model::CanaryStrategy* strategy = spec.canary()) {
    if (strategy->analysis) {
      const std::int32_t from = strategy->analysis->starting_step.value_or(0);
      uses.push_back({fmt::format("in the background from step {}", from), &strategy->analysis->analysis, "aborts"});
    }
    for (std::size_t i = 0; i < strategy->steps.size(); ++i) {
      const auto* step = std::get_if<model::AnalysisStep>(&strategy->steps[i]);
      if (step) uses.push_back({fmt::format("in step {}", i), &step->analysis, "aborts"});
    }
  }
  return uses;
}

std::string limitsOf(const model::Metric& metric) {
  std::string text = metric.failure_limit < 0 ? "failures never end it"
                                              : fmt::format("more than {} failed measurements", metric.failure_limit);
  if (!metric.success_condition.empty()) text += fmt::format(" (good is: {})", metric.success_condition);
  if (!metric.failure_condition.empty()) text += fmt::format(" (bad is: {})", metric.failure_condition);
  return text + fmt::format(", or more than {} errors in a row", metric.consecutive_error_limit);
}

void addRisks(const Use& use, const api::FindTemplate& find, std::vector<std::string>& risks) {
  for (const model::TemplateRef& reference : use.analysis->templates) {
    for (const model::Metric& metric : api::decodeAnalysisTemplate(find(reference)).metrics) {
      risks.push_back(
          fmt::format("{} of {}, {}: {}; it {}", metric.name, reference.name, use.where, limitsOf(metric), use.then));
    }
  }
}

}  // namespace

std::vector<std::string> risksOf(const Value& rollout, const api::FindTemplate& find) {
  const model::RolloutSpec spec = api::decodeRolloutSpec(rollout);
  std::vector<std::string> risks;
  risks.push_back(fmt::format("no progress for {} s (spec.progressDeadlineSeconds): {}", spec.progress_deadline_seconds,
                              spec.progress_deadline_abort ? "it aborts" : "it is Degraded, and stays where it is"));
  for (const Use& use : usesOf(spec)) addRisks(use, find, risks);
  const model::CanaryStrategy* canary = spec.canary();
  for (std::size_t i = 0; canary && i < canary->steps.size(); ++i) {
    if (const auto* plugin = std::get_if<model::PluginStep>(&canary->steps[i]))
      risks.push_back(fmt::format("plugin {} in step {} answers Failed: it aborts", plugin->name, i));
    if (std::holds_alternative<model::ExperimentStep>(canary->steps[i]))
      risks.push_back(fmt::format("the experiment in step {} fails, or its pods do not get ready: it aborts", i));
  }
  return risks;
}

}  // namespace towpath::play
