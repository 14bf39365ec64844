#pragma once
// The placement rules that look at more than one node: spread constraints, and affinity between pods. Pure.

#include <map>
#include <string>
#include <vector>

#include "edge/placement.h"

namespace towpath::edge {

class Topology {
 public:
  Topology(const PlacementRequest& request, const PlacementWorld& world);

  // Why the node cannot have the pod; null if it can.
  const char* refuse(const NodeFacts& node) const;
  // By how much the soft spread constraints (ScheduleAnyway) would be overstepped, summed.
  std::int64_t softViolation(const NodeFacts& node) const;

 private:
  // Matching pods in each value of a node label.
  struct Domains {
    std::string key;
    std::map<std::string, std::int64_t> pods;
    std::int64_t countAt(const NodeFacts& node) const;
  };
  struct Spread : Domains {
    std::int64_t max_skew = 1;
    bool hard = true;
    bool counts_itself = true;
    std::int64_t skewAt(const NodeFacts& node) const;
  };
  struct Affinity : Domains {
    bool anti = false;
    bool matches_itself = false;
  };

  void readSpread(const PlacementRequest& request, const PlacementWorld& world);
  void readAffinity(const PlacementRequest& request, const PlacementWorld& world, const char* member);

  std::vector<Spread> spreads_;
  std::vector<Affinity> affinities_;
};

// The weight of preferredDuringSchedulingIgnoredDuringExecution of the node affinity.
std::int64_t preferredNodeWeight(const Value& pod_spec, const NodeFacts& node);

}  // namespace towpath::edge
