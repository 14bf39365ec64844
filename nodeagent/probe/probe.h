#pragma once
// Startup, readiness and liveness probes, with the fields and defaults that Kubernetes documents for them
// ("Configure Liveness, Readiness and Startup Probes").

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::probe {

struct HttpCheck {
  std::string host;  // empty: the instance's address
  std::int32_t port = 0;
  std::string path = "/";
  bool https = false;  // the certificate is not verified, as the kubelet does
  std::vector<std::pair<std::string, std::string>> headers;
};
struct TcpCheck {
  std::string host;
  std::int32_t port = 0;
};
struct ExecCheck {
  std::vector<std::string> command;
};

struct ProbeSpec {
  std::variant<HttpCheck, TcpCheck, ExecCheck> check;
  Duration initial_delay{0};
  Duration period = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(1);
  int success_threshold = 1;
  int failure_threshold = 3;
};

// Finds the port that the instance really listens on: a number of the template or a port's name.
using PortLookup = std::function<std::optional<std::int32_t>(const Value& port)>;

// Of a container's `livenessProbe` and its like; `path` names the field for errors.
Result<ProbeSpec> parseProbe(const Value& probe, const PortLookup& ports, const std::string& path);

// PURE: counts outcomes against the thresholds.
class ProbeTracker {
 public:
  enum class State { kUnknown, kPassing, kFailing };

  explicit ProbeTracker(const ProbeSpec& spec)
      : success_threshold_(spec.success_threshold), failure_threshold_(spec.failure_threshold) {}

  // Feeds one outcome; true if the state changed.
  bool record(bool success);
  State state() const { return state_; }

 private:
  int success_threshold_;
  int failure_threshold_;
  int successes_ = 0;
  int failures_ = 0;
  State state_ = State::kUnknown;
};

}  // namespace towpath::probe
