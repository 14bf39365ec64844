#pragma once
// RouteStatus: what the nodes' proxies do for an HTTPRoute becomes its status: one entry a node with the weights read
// back (traffic/live_weights.h), and for each parent the conditions of the Gateway API. Reports of many nodes are
// gathered for a moment and written together.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/value.h"
#include "cluster/object_api.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "store/store.h"
#include "wire/messages.h"

namespace towpath::agents {

class RouteStatus {
 public:
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
  };
  explicit RouteStatus(Parts parts);

  void report(const std::string& node, wire::RouteReport route);
  // The node came, went silent or was deleted: routes that it serves say so.
  void nodeChanged(const std::string& node);

 private:
  using RouteName = std::pair<std::string, std::string>;
  loop::Task<void> write();
  loop::Task<bool> writeOne(RouteName name);
  void markDirty(const RouteName& name);
  bool isSilent(const std::string& node) const;
  Value wantedStatus(const RouteName& name, const Value& route) const;
  Value nodesOf(const RouteName& name, const Value& route) const;
  Value parentsOf(const Value& route) const;
  Value parentStatus(const Value& route, const Value& parent) const;

  Parts parts_;
  std::map<RouteName, std::map<std::string, wire::RouteReport>> reports_;
  std::set<RouteName> dirty_;
  bool writing_ = false;
  loop::Scope scope_;
};

}  // namespace towpath::agents
