#pragma once
// What an object looks like on its way to a node: without status and bookkeeping, so that a node's own reports do not
// come back to it and a delta is sent only when something changed that a node acts on. Also what of an object decides
// where it goes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "store/store.h"

namespace towpath::agents {

// The object's JSON for a node.
std::string projectForNode(Value object);
// Of that text; never 0, which stands for "has none".
std::uint64_t hashOf(std::string_view json);

// What the placing of an object on nodes depends on.
struct Placement {
  std::string node;                    // of a pod: where it is bound; may be empty
  std::vector<store::Key> references;  // of a pod: ConfigMaps and Secrets that it names; of a route: backend Services
  std::vector<store::Key> parents;     // of a route: Gateways and Services that it is attached to
  std::string service;                 // of an EndpointSlice: its Service's name
  std::string node_selector;           // of a Gateway: which nodes it is for; empty: all
  bool node_port = false;              // of a Service: open on every node
};

// `resource` is the storage name. Other kinds than those that go to nodes give an empty placement.
Placement readPlacement(std::string_view resource, const Value& object);

}  // namespace towpath::agents
