#pragma once
// Scenarios that are written down instead of drawn: for regressions and for the table of commands.

#include <string_view>
#include <vector>

#include "simulate/scenario.h"

namespace towpath::simulate {

struct Script {
  std::string_view strategy;            // YAML of spec.strategy
  std::string_view spec = "{}";         // YAML of what else spec has
  std::string_view annotations = "{}";  // YAML of the Rollout's
  std::vector<Act> acts;
  std::vector<Health> healths;
  std::vector<Quality> qualities;
  traffic::RouteReports reports = traffic::RouteReports::kNone;
  Duration active = 10min;
};

// Services, a route and the templates "once", "often" and "background" are there, as drawn ones are.
Scenario scripted(const Script& script);

}  // namespace towpath::simulate
