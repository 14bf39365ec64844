#pragma once
// Steps and analyses at random.

#include <string>

#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

// What steps the strategy allows.
struct StepKinds {
  bool routed = false;
  bool own_scale = false;  // setCanaryScale
  bool header = false;     // the managed route "header" is there
  bool mirror = false;     // … "mirror"
};

Value drawSteps(Random& random, const StepKinds& kinds);
Value drawAnalysisRef(Random& random);
// `often`: measures several times.
Value drawTemplate(Random& random, const std::string& name, bool often);

inline constexpr const char* kPlugin = "towpath/simulated";  // played by plugins.h

}  // namespace towpath::simulate
