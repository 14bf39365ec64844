#include "engine/experiment/decide.h"

#include <set>

#include "engine/experiment/pass.h"

namespace towpath::experiment {
namespace {

std::optional<std::string> invalidTemplates(const World& world) {
  std::set<std::string> names;
  const model::ExperimentSpec& spec = world.spec;
  for (std::size_t i = 0; i < spec.templates.size(); ++i) {
    const model::ExperimentTemplate& t = spec.templates[i];
    if (t.selector == model::SelectorKind::kMissing)
      return fmt::format("Rollout has missing field '.Spec.Templates[{}].Selector'", i);
    if (t.selector == model::SelectorKind::kEmpty)
      return fmt::format("This experiment is selecting all pods at index {}. A non-empty selector is required.", i);
    if (t.min_ready_seconds > spec.progress_deadline_seconds) {
      return fmt::format("MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index {}", i);
    }
    if (t.name.empty()) return fmt::format("Experiment {} has empty template name at index {}", world.name, i);
    if (!names.insert(t.name).second)
      return fmt::format("Experiment {} has repeated template name '{}' in templates", world.name, t.name);
  }
  return std::nullopt;
}

std::optional<std::string> invalidAnalyses(const World& world) {
  std::set<std::string> names;
  for (const model::ExperimentAnalysis& analysis : world.spec.analyses) {
    if (!names.insert(analysis.name).second)
      return fmt::format("Experiment {} has repeated analysis name '{}' in analyses", world.name, analysis.name);
  }
  return std::nullopt;
}

// Nothing is touched: what runs goes on.
Decision refuse(const World& world, std::string why, WallTime stamp) {
  model::ExperimentStatus next = world.status;
  const model::Condition* known = model::findCondition(next.conditions, model::condition::kInvalidSpec);
  if (known != nullptr && known->message == why) return {};
  model::removeCondition(next.conditions, model::condition::kInvalidSpec);
  model::Condition condition;
  condition.type = model::condition::kInvalidSpec;
  condition.status = model::ConditionStatus::kTrue;
  condition.reason = model::reason::kInvalidSpec;
  condition.message = std::move(why);
  condition.last_update_time = condition.last_transition_time = stamp;
  model::setCondition(next.conditions, std::move(condition));
  return {.actions = {PatchStatus{std::move(next)}}, .decide_again = false, .look_again_at = std::nullopt};
}

Decision conclude(Pass& pass) {
  Decision decision;
  if (!pass.made.empty()) {
    decision.actions = std::move(pass.made);
    decision.decide_again = true;
    return decision;
  }
  decision.look_again_at = pass.look_again_at;
  decision.actions = std::move(pass.writes);
  if (pass.next != pass.world.status) {
    decision.actions.emplace_back(PatchStatus{pass.next});
    decision.decide_again = true;
  }
  for (Action& action : pass.events) decision.actions.push_back(std::move(action));
  return decision;
}

}  // namespace

std::optional<std::string> invalidSpec(const World& world) {
  if (std::optional<std::string> why = invalidTemplates(world)) return why;
  if (std::optional<std::string> why = invalidAnalyses(world)) return why;
  if (world.spec.duration.empty()) return std::nullopt;
  const Result<Duration> duration = parseGoDuration(world.spec.duration);
  if (!duration) return fmt::format("spec.duration: {}; write it as in 10m or 1h30m", duration.error().message);
  if (*duration < Duration::zero()) return fmt::format("spec.duration: \"{}\" must be 0 or more", world.spec.duration);
  return std::nullopt;
}

Decision decide(const World& world, WallTime now) {
  const WallTime stamp = std::chrono::floor<std::chrono::seconds>(now);
  if (std::optional<std::string> why = invalidSpec(world)) return refuse(world, std::move(*why), stamp);
  Pass pass{world, now, stamp, isTerminating(world), world.status, {}, {}, {}, {}};
  model::removeCondition(pass.next.conditions, model::condition::kInvalidSpec);
  for (const model::ExperimentTemplate& each : world.spec.templates) reconcileTemplate(pass, each);
  for (const model::ExperimentAnalysis& each : world.spec.analyses) reconcileAnalysis(pass, each);
  assess(pass);
  setConditions(pass);
  return conclude(pass);
}

}  // namespace towpath::experiment
