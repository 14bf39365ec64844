// What a spec may ask for that this engine does not carry out. It is refused as a whole and said in a condition: a step
// that is skipped in silence would promote what nobody has judged.
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

// Above it sums of pods could overflow; no cluster runs as many.
constexpr std::int32_t kMaxReplicas = 10'000'000;

bool carriedOut(const model::Step& step) { return !std::holds_alternative<model::InvalidStep>(step); }

std::string refuse(std::string_view path, std::string_view what) {
  return fmt::format("{}: Unsupported value: {} is not supported by this controller; remove it", path, what);
}

// Stable gives the shares of an experiment's templates away: what it has left must not be negative.
std::optional<std::string> overdrawn(const model::CanaryStrategy& canary, std::size_t index) {
  const auto* experiment = std::get_if<model::ExperimentStep>(&canary.steps[index]);
  if (experiment == nullptr) return std::nullopt;
  std::int64_t weight = 0;
  for (std::size_t i = 0; i < index; ++i) {
    if (const auto* step = std::get_if<model::SetWeightStep>(&canary.steps[i])) weight = step->weight;
  }
  for (std::size_t i = 0; i < experiment->templates.size(); ++i) {
    const std::int32_t own = experiment->templates[i].weight.value_or(0);
    weight += own;
    if (own >= 0 && weight <= canary.maxWeight()) continue;
    return fmt::format(
        "spec.strategy.steps[{}].experiment.templates[{}].weight: Invalid value: {}: must be 0 or more, and the "
        "weights of "
        "the templates and of the canary together at most {}",
        index, i, own, canary.maxWeight());
  }
  return std::nullopt;
}

// The api layer checks the same; arithmetic here relies on it.
std::optional<std::string> outOfRange(const model::RolloutSpec& spec) {
  const auto between = [](std::int32_t value, std::int32_t least, std::int32_t most, std::string_view path) {
    return value >= least && value <= most
               ? std::nullopt
               : std::optional(
                     fmt::format("{}: Invalid value: {}: must be between {} and {}", path, value, least, most));
  };
  if (auto error = between(spec.wantedReplicas(), 0, kMaxReplicas, "spec.replicas")) return error;
  const model::CanaryStrategy* canary = spec.canary();
  if (canary == nullptr) return std::nullopt;
  const std::string routing = "spec.strategy.trafficRouting.maxTrafficWeight";
  if (auto error = between(canary->maxWeight(), 1, std::numeric_limits<std::int32_t>::max(), routing)) return error;
  for (std::size_t i = 0; i < canary->steps.size(); ++i) {
    const std::string path = fmt::format("spec.strategy.steps[{}]", i);
    if (const auto* weight = std::get_if<model::SetWeightStep>(&canary->steps[i])) {
      if (auto error = between(weight->weight, 0, canary->maxWeight(), path + ".setWeight")) return error;
    }
    if (auto error = overdrawn(*canary, i)) return error;
    const auto* scale = std::get_if<model::SetCanaryScaleStep>(&canary->steps[i]);
    if (scale == nullptr) continue;
    if (auto error = between(scale->replicas.value_or(0), 0, kMaxReplicas, path + ".setCanaryScale.replicas"))
      return error;
    if (auto error = between(scale->weight.value_or(0), 0, canary->maxWeight(), path + ".setCanaryScale.weight"))
      return error;
  }
  return std::nullopt;
}

std::optional<std::string> unsupportedCanary(const World& world, const model::CanaryStrategy& canary) {
  for (std::size_t i = 0; i < canary.steps.size(); ++i) {
    const model::Step& step = canary.steps[i];
    if (!carriedOut(step)) return refuse(fmt::format("spec.strategy.steps[{}]", i), "\"" + toString(step) + "\"");
  }
  const bool plain = canary.steps.empty() && !canary.traffic_routing;
  if (world.recreate && !plain) {
    return "metadata.annotations[towpath.dev/strategy]: Invalid value: \"recreate\": needs a canary strategy without "
           "steps "
           "and without trafficRouting";
  }
  return std::nullopt;
}

std::optional<std::string> unsupportedBlueGreen(const World& world) {
  if (world.recreate) {
    return "metadata.annotations[towpath.dev/strategy]: Invalid value: \"recreate\": needs a canary strategy without "
           "steps";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> unsupported(const World& world) {
  if (std::optional<std::string> error = outOfRange(world.spec)) return error;
  if (const model::CanaryStrategy* canary = world.spec.canary()) return unsupportedCanary(world, *canary);
  if (world.spec.blueGreen() != nullptr) return unsupportedBlueGreen(world);
  return "spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or "
         ".spec.strategy.blueGreen'";
}

}  // namespace towpath::rollout
