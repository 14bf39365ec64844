#pragma once
// Agent: carries an assignment out. Pods go to the supervisor, Services and routes to the proxy, and what both really
// do goes up the link. The order that drops nothing is kept here: an instance is stopped only when the proxy has
// drained it.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent_config.h"
#include "base/error.h"
#include "link/link.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "proxy/plan.h"
#include "proxy/proxy.h"
#include "supervise/supervisor.h"
#include "telemetry/collector.h"

namespace towpath::nodeagent {

class Agent {
 public:
  Agent(loop::UvLoop& loop, Config config);
  ~Agent();

  // Adopts what runs, then joins (if needed) and carries out the assignment of the disk until a newer one comes. An
  // error is one that trying again cannot mend.
  loop::Task<Result<void>> start();
  // Ends the watching. Instances and proxy go on.
  loop::Task<void> stop();

 private:
  void assigned(const link::ObjectSet& objects);
  std::vector<supervise::DesiredPod> desiredPods() const;
  std::vector<Value> services() const;
  void podChanged(const supervise::PodState& state);
  void podEvent(const supervise::PodState& state, std::string type, std::string reason, std::string message);
  loop::Task<void> waitDrained(std::string uid);
  loop::Task<void> untilApplied();
  bool isInProxy(const std::string& uid) const;
  Result<std::unique_ptr<link::LogBody>> openLog(const wire::LogRequest& request);

  loop::Task<void> keepProxy();
  loop::Task<void> startProxy();
  loop::Task<void> carryOut();
  loop::Task<void> apply(proxy::ProxyState wanted);
  proxy::Plan plan(const std::vector<Value>& gateways) const;
  std::vector<proxy::LocalPod> localPods() const;
  loop::Task<void> reportRoutes();
  void reportGateways(const std::vector<Value>& gateways);
  loop::Task<void> startCollector();
  void takeSamples();
  void measure();

  loop::UvLoop& loop_;
  Config config_;
  std::unique_ptr<supervise::Supervisor> supervisor_;
  std::unique_ptr<proxy::Proxy> proxy_;
  std::unique_ptr<link::Link> link_;
  const link::ObjectSet* objects_ = nullptr;  // the link's; null before there is any assignment
  loop::Event proxy_wanted_;
  loop::Notify proxy_applied_;
  std::uint64_t rounds_ = 0;  // of keepProxy(), finished
  bool proxy_started_ = false;
  std::string proxy_error_;  // why it does not run, or not all that was asked for
  bool proxy_took_ = false;  // the last state, but for refused_
  std::vector<proxy::RefusedListener> refused_;
  std::unique_ptr<telemetry::Collector> collector_;  // once the proxy was started
  std::vector<proxy::Problem> problems_;             // of the plan that was carried out last
  std::set<std::string> draining_;                   // UIDs of instances that are to be stopped
  std::uint64_t told_sessions_ = 0;
  bool tell_all_ = false;  // whatever was reported before: it was to an earlier session
  std::map<std::pair<std::string, std::string>, wire::RouteReport> reported_routes_;
  std::map<std::pair<std::string, std::string>, wire::GatewayReport> reported_gateways_;
  loop::Scope scope_;
};

}  // namespace towpath::nodeagent
