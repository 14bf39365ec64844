#include "simulate/coverage.h"

#include <fmt/format.h>

namespace towpath::simulate {

const char* strategyOf(const model::RolloutSpec& spec, bool recreate) {
  if (spec.blueGreen() != nullptr) return "blueGreen";
  return recreate ? "recreate" : spec.canary() != nullptr && spec.canary()->traffic_routing ? "routed" : "canary";
}

void Coverage::decided(const rollout::World& world, const rollout::Decision& decision) {
  ++decisions_;
  for (const rollout::Action& action : decision.actions) {
    if (const auto* event = std::get_if<rollout::EmitEvent>(&action)) {
      ++hits_["event: " + event->reason];
      continue;
    }
    const std::string text = rollout::toString(action);
    ++hits_["action: " + text.substr(0, text.find_first_of(" :", text.find(' ') + 1))];
    const auto* patch = std::get_if<rollout::PatchStatus>(&action);
    if (patch == nullptr) continue;
    ++hits_[fmt::format("phase: {}/{}", strategyOf(world.spec, world.recreate), toString(patch->next.phase))];
    for (const model::Condition& condition : patch->next.conditions) {
      ++hits_[fmt::format("condition: {}/{}/{}", condition.type, toString(condition.status), condition.reason)];
    }
  }
}

void Coverage::commanded(const char* strategy, const std::string& phase, ActKind command) {
  ++hits_[fmt::format("command: {}/{}/{}", strategy, phase.empty() ? "new" : phase, toString(command))];
}

void Coverage::add(const Coverage& other) {
  decisions_ += other.decisions_;
  for (const auto& [what, count] : other.hits_) hits_[what] += count;
}

std::size_t Coverage::reached(const std::string& kind) const {
  std::size_t count = 0;
  for (auto at = hits_.lower_bound(kind + ": "); at != hits_.end() && at->first.starts_with(kind + ": "); ++at) ++count;
  return count;
}

std::string Coverage::text() const {
  std::string lines;
  for (const auto& [what, count] : hits_) lines += fmt::format("{} {}\n", what, count);
  return lines;
}

}  // namespace towpath::simulate
