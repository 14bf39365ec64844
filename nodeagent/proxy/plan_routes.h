#pragma once
// The HTTPRoutes' half of a plan: rules, matches and their precedence.

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "proxy/plan_services.h"

namespace towpath::proxy {

// An entry with what decides between it and others that fit the same request.
struct Row {
  Entry entry;
  std::string age;  // creationTimestamp: older routes first

  // Smaller comes first: exact host, longer host, exact path, regular expression, longer path, method, more headers,
  // more query parameters; then the older route, its name, and the order of rules.
  std::tuple<int, int, int, int, int, int, int, std::string, std::string> order() const;
};

struct ParentRef {
  std::string kind, ns, name, section;
  std::int64_t port = 0;
};
struct PlannedRule {
  Rule rule;
  std::vector<Row> rows;
};
struct PlannedRoute {
  std::string ns, name;
  std::vector<ParentRef> parents;
  std::vector<std::string> hostnames;  // empty: any
  std::vector<PlannedRule> rules;
};

PlannedRoute planRoute(const Value& object, const std::vector<PlannedService>& services,
                       std::vector<Problem>& problems);

// Targets whose weights are shares of kWeightTotal.
std::vector<Target> shared(const std::vector<WeighedTarget>& targets);

}  // namespace towpath::proxy
