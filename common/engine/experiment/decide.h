#pragma once
// The experiment engine: runs the templates of an Experiment beside each other, measures them by its analyses, and says
// how it went. Pure. (core-semantics 9.)
//
//   ""  ──►  Pending  ◄──►  Running  ──►  Successful | Failed | Error | Inconclusive
//
// | From             | To           | When                                                                      |
// |------------------|--------------|---------------------------------------------------------------------------|
// | ""               | Pending      | taken up                                                                  |
// | Pending          | Running      | every template has its pods (the first time: availableAt)                 |
// | Running          | Pending      | a template lost pods                                                      |
// | Pending, Running | Failed       | a template is past its progress deadline; an analysis failed              |
// | Pending, Running | Error        | what is needed is refused for good; an analysis could not be done         |
// | Pending, Running | Inconclusive | an analysis is                                                            |
// | Pending, Running | Successful   | the duration is over, or it is terminated, or the required analyses passed |
//
// While it is terminating (asked to, or a verdict is there) nothing new is made, its analyses are told to end, and each
// ReplicaSet goes to 0 after the scale-down delay, but not before the route has left it.

#include "engine/experiment/decision.h"
#include "engine/experiment/world.h"

namespace towpath::experiment {

Decision decide(const World& world, WallTime now);

// One turn asks as often at most. What is made is made in the first decisions; the status follows.
inline constexpr int kMaxDecisionsPerTurn = 10;

// Why the spec cannot be carried out (condition InvalidSpec); nullopt if it can.
std::optional<std::string> invalidSpec(const World& world);

}  // namespace towpath::experiment
