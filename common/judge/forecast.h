#pragma once
// How long a verdict would take, from what a window had on average so far.

#include <optional>

namespace towpath::judge {

struct Forecast {
  double events = 0;   // of both versions, in a window
  double share = 0;    // of the canary in the requests
  double ratio = 1.5;  // the effect that is waited for
  double burst = 0;    // as SequentialOptions::burst
  double missing = 3;  // evidence that lacks, as a logarithm
};

// Windows until a canary that is worse by `ratio` is called bad, on average; nullopt: no events, or all on one side.
std::optional<double> windowsToBad(const Forecast& forecast);

}  // namespace towpath::judge
