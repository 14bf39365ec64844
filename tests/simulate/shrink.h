#pragma once
// From a failing scenario to a small one: acts are taken out, one after the other, while the same rule is still broken.

#include "simulate/world.h"

namespace towpath::simulate {

Outcome play(const Scenario& scenario, Trace trace = Trace::kNo);

struct Shrunk {
  Scenario scenario;
  int runs = 0;
};
Shrunk shrink(Scenario scenario, RuleId broken);

// For people: the rule, how to replay it, the acts that are left, the timeline.
std::string report(const Scenario& scenario, const Outcome& outcome);

}  // namespace towpath::simulate
