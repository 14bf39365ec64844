#pragma once
// The Services' half of a plan: their ports, and the servers behind each version.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/plan.h"

namespace towpath::proxy {

struct PlannedPort {
  ServicePort id;
  std::int32_t port = 0;
  std::int32_t node_port = 0;  // 0: none
  int index = 0;               // in spec.ports
  Backend backend;
};

struct PlannedService {
  std::string ns, name;
  std::string address;  // of its listeners; empty: none
  std::int64_t generation = 0;
  Stickiness stickiness;
  std::vector<PlannedPort> ports;
};

std::vector<PlannedService> planServices(const PlanInput& input);
const PlannedService* findPlanned(const std::vector<PlannedService>& services, std::string_view ns,
                                  std::string_view name);

// The targets that a reference to the port with this weight means: one for each version that has ready servers, weights
// in proportion to their number and summing to weight * kFinely; a single one of kind kUnavailable if nothing is ready.
inline constexpr std::int64_t kFinely = 1000000;
struct WeighedTarget {
  Target target;  // its weight is not set
  std::int64_t weight = 0;
};
std::vector<WeighedTarget> targetsOf(const PlannedPort& port, std::int64_t weight);

// "cookie", "cookie:NAME", "header:NAME" or "source" of the annotation towpath.dev/sticky; none for anything else.
Stickiness readStickiness(std::string_view annotation);

std::string_view annotationOf(const Value& object, std::string_view key);
bool isToken(std::string_view text);  // letters, digits, '-', '_' and '.'; not empty

}  // namespace towpath::proxy
