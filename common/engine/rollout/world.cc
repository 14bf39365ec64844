#include "engine/rollout/world.h"

namespace towpath::rollout {

const char* toString(ServiceRole role) {
  switch (role) {
    case ServiceRole::kActive:
      return "active";
    case ServiceRole::kPreview:
      return "preview";
    case ServiceRole::kCanary:
      return "canary";
    case ServiceRole::kStable:
      return "stable";
    case ServiceRole::kPing:
      return "ping";
    case ServiceRole::kPong:
      return "pong";
  }
  return "";
}

const char* toString(AnalysisType type) {
  switch (type) {
    case AnalysisType::kStep:
      return "Step";
    case AnalysisType::kBackground:
      return "Background";
    case AnalysisType::kPrePromotion:
      return "PrePromotion";
    case AnalysisType::kPostPromotion:
      return "PostPromotion";
  }
  return "";
}

std::optional<AnalysisType> parseAnalysisType(std::string_view text) {
  for (const AnalysisType type :
       {AnalysisType::kStep, AnalysisType::kBackground, AnalysisType::kPrePromotion, AnalysisType::kPostPromotion}) {
    if (text == toString(type)) return type;
  }
  return std::nullopt;
}

bool restartPending(const World& world, WallTime now) {
  const std::optional<WallTime> at = restartTime(world);
  return at && *at <= now && world.status.restarted_at != world.spec.restart_at;
}

std::optional<WallTime> restartTime(const World& world) {
  if (!world.spec.restart_at) return std::nullopt;
  return *world.spec.restart_at - world.wall_ahead;
}

}  // namespace towpath::rollout
