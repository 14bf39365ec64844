#pragma once
// One decision in the making. Internal to engine/experiment.

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/experiment/decision.h"
#include "engine/experiment/world.h"

namespace towpath::experiment {

struct Pass {
  const World& world;
  WallTime now;
  WallTime stamp;  // now in whole seconds, as status times are written
  bool terminating = false;
  model::ExperimentStatus next;
  std::vector<Action> made;    // whose results are needed: nothing else is decided before they are known
  std::vector<Action> writes;  // carried out before the status is written
  std::vector<Action> events;  // after it
  std::optional<WallTime> look_again_at;
};

inline void lookAgain(Pass& pass, WallTime at) {
  if (!pass.look_again_at || at < *pass.look_again_at) pass.look_again_at = at;
}

inline void event(Pass& pass, EventType type, std::string reason, std::string message) {
  pass.events.emplace_back(EmitEvent{type, std::move(reason), std::move(message), false});
}

// availableAt + duration is over.
bool durationPassed(const Pass& pass);                                   // status.cc
bool isTerminating(const World& world);                                  // status.cc
void reconcileTemplate(Pass& pass, const model::ExperimentTemplate& t);  // templates.cc
void reconcileAnalysis(Pass& pass, const model::ExperimentAnalysis& a);  // analyses.cc
void assess(Pass& pass);                                                 // status.cc
void setConditions(Pass& pass);                                          // status.cc

}  // namespace towpath::experiment
