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
  return world.spec.restart_at && *world.spec.restart_at <= now && world.status.restarted_at != world.spec.restart_at;
}

}  // namespace towpath::rollout
