#pragma once
// GatewayStatus: keeps the status of Gateways and GatewayClasses (gateway_plan.h) as nodes report, and as nodes, routes
// and Gateways change. What many nodes say within a moment is written together, and nothing is written where nothing
// changed. Gateways whose class names another controller are left alone.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agents/gateway_plan.h"
#include "cluster/controller.h"
#include "cluster/object_api.h"
#include "store/store.h"
#include "wire/messages.h"

namespace towpath::agents {

class GatewayStatus {
 public:
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
  };
  // What it refers to outlives it.
  explicit GatewayStatus(Parts parts);

  // Makes the class `towpath` if it is missing, and follows the store from then on.
  Result<void> start();
  void report(const std::string& node, wire::GatewayReport gateway);

 private:
  struct NodeEntry {
    GatewayNode node;
    std::vector<std::pair<std::string, std::string>> labels;
  };
  Result<void> follow(const cluster::Resource& resource, std::function<void(const store::Change&)> changed);
  void nodeChanged(const store::Change& change);
  void routeChanged(const store::Change& change);
  void parentsChanged(const cluster::ObjectRef& route);
  void allGatewaysChanged();
  void lookAt(const cluster::ObjectKey& gateway);
  loop::Task<Result<void>> makeClass();
  loop::Task<Result<cluster::PassEnd>> classPass(std::string name);
  loop::Task<Result<cluster::PassEnd>> gatewayPass(cluster::ObjectKey key);
  loop::Task<Result<void>> write(const cluster::Resource& resource, cluster::ObjectKey key, const Value& object,
                                 Value status);
  bool isOurs(const Value& gateway) const;
  std::vector<GatewayNode> nodesOf(const Value& gateway) const;
  std::vector<GatewayWord> wordsOf(const cluster::ObjectKey& key) const;
  std::vector<Value> routes() const;

  Parts parts_;
  std::map<std::string, NodeEntry> nodes_;
  std::map<cluster::ObjectKey, std::map<std::string, wire::GatewayReport>> reports_;  // by Gateway and node
  cluster::Controller classes_;
  cluster::Controller gateways_;
  std::vector<std::unique_ptr<store::Subscription>> subscriptions_;
};

}  // namespace towpath::agents
