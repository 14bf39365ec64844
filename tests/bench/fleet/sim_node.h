#pragma once
// SimNode: a node without a machine. It speaks the agents' protocol with the agents' own Link, and answers at once what
// a node would: pods run, routes and Gateways are live.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "link/link.h"
#include "loop/uv_loop.h"

namespace towpath::bench {

struct SimNodeOptions {
  std::string coordinator_url;
  std::string join_token;
  std::string data_dir;
  std::string name;
};

class SimNode {
 public:
  // Called when an HTTPRoute of a generation that this node did not have has come.
  using RouteCame = std::function<void(const std::string& name, std::int64_t generation)>;

  SimNode(loop::UvLoop& loop, SimNodeOptions options, RouteCame route_came);

  loop::Task<Result<void>> start() { return link_->start(); }
  const std::string& name() const { return name_; }
  link::LinkStatus status() const { return link_->status(); }

 private:
  void assigned(const link::ObjectSet& objects);
  void answer(const link::ObjectKey& key, const std::string& json);
  void answerPod(const Value& pod);
  void answerRoute(const Value& route);
  void answerGateway(const Value& gateway);

  std::string name_;
  RouteCame route_came_;
  std::map<link::ObjectKey, std::uint64_t> seen_;  // hashes
  std::unique_ptr<link::Link> link_;
};

}  // namespace towpath::bench
