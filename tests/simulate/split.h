#pragma once
// Split: what an HTTPRoute says about where requests go, read back from the object alone. It knows nothing of how the
// controllers made it: the rule without a name is the owner's, named ones are header and mirror routes.

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/value.h"

namespace towpath::simulate {

struct Split {
  std::map<std::string, std::int64_t> weights;  // of services in the owner's rule
  std::int64_t sum = 0;
  std::set<std::string> by_header;  // services that get requests with a header, whatever the weights
  std::set<std::string> mirrored;   // services that get copies

  // Parts of 100, rounded down.
  std::int64_t share(const std::string& service) const;
  std::int64_t weight(const std::string& service) const;
  bool hasManaged() const { return !by_header.empty() || !mirrored.empty(); }
  bool operator==(const Split&) const = default;
};

Split readSplit(const Value& route);

// What a proxy reports: the mean share over the rules that send the service anything.
double reportedShare(const Value& route, const std::string& service);

}  // namespace towpath::simulate
