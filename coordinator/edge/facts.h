#pragma once
// What the decisions of this folder need to know of pods and nodes, read once from each version of an object.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "cluster/object.h"
#include "cluster/selector.h"
#include "edge/ports.h"

namespace towpath::edge {

// The annotation that makes pods follow the nodes: one instance on each that matches.
inline constexpr const char* kPlacementAnnotation = "towpath.dev/placement";
inline constexpr const char* kEveryNode = "every-node";
// The node label that orders the nodes of such a rollout: lower numbers first, nodes without it last.
inline constexpr const char* kWaveLabel = "towpath.dev/wave";
inline constexpr const char* kHostnameLabel = "kubernetes.io/hostname";

// In thousandths of a core and of a byte.
struct Requests {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  bool operator==(const Requests&) const = default;
};

struct HostPort {
  std::int32_t port = 0;
  std::string protocol;
  bool operator==(const HostPort&) const = default;
};

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed, kUnknown };

struct PodFacts {
  std::string ns, name, uid;
  std::string node;       // empty: not placed yet
  std::string owner_uid;  // of the controlling owner; may be empty
  cluster::Labels labels;
  PodPhase phase = PodPhase::kPending;
  bool deleting = false;
  bool scheduled = false;  // the PodScheduled condition says so
  bool ready = false;
  std::optional<WallTime> ready_since;
  std::optional<WallTime> created;
  std::int64_t restarts = 0;
  std::int64_t deletion_cost = 0;  // annotation controller.kubernetes.io/pod-deletion-cost
  bool every_node = false;
  Requests requests;
  std::vector<HostPort> host_ports;  // asked for
  std::string address;               // status.podIP
  std::vector<InstancePort> ports;
  cluster::ObjectRef object;

  bool finished() const { return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed; }
  // Counts towards a replica set.
  bool active() const { return !deleting && !finished(); }
};

struct NodeFacts {
  std::string name, uid;
  cluster::Labels labels;
  enum class Ready { kTrue, kFalse, kUnknown };
  Ready ready = Ready::kUnknown;
  std::string ready_reason;
  bool unschedulable = false;  // cordoned
  bool deleting = false;
  Requests allocatable;
  std::int64_t pods_max = 110;
  cluster::ObjectRef object;
};

PodFacts readPod(const cluster::ObjectRef& object);
NodeFacts readNode(const cluster::ObjectRef& object);
// Of a pod's spec: the sum of its containers, or the largest init container if that is more (k8s.io/component-helpers).
Requests readRequests(const Value& pod_spec);

// The condition of that type in status.conditions, or null.
const Value& conditionOf(const Value& object, std::string_view type);
const std::string* labelOf(const cluster::Labels& labels, std::string_view key);

}  // namespace towpath::edge
