#pragma once
// What goes wrong in a play, as the command line names it. Times count from the update.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace towpath::play {

struct Fault {
  enum class Kind {
    kCanaryNeverReady,  // "canary-never-ready": no pod of the new version becomes ready
    kCanaryUnready,     // "canary-unready@60s": none of them is ready from then on
    kPodCrash,          // "pod-crash@30s": one of them is replaced, and has to become ready again
    kMetricError,  // "metric-error@60s": from then on measurements are errors; "metric-error=NAME@60s": of this metric
    kAbort,        // "abort@90s": a person aborts
    kPluginFails,  // "plugin-fails": step plugins answer that they failed
    kExperimentFails,  // "experiment-fails": experiments fail at their end
  };
  Kind kind = Kind::kCanaryNeverReady;
  Duration at{};       // since the update
  std::string metric;  // kMetricError: empty: all of them

  bool operator==(const Fault&) const = default;
};

// kInvalid names what is wrong, and the faults that there are.
Result<Fault> parseFault(std::string_view text);
// As parseFault reads it.
std::string toString(const Fault& fault);

}  // namespace towpath::play
