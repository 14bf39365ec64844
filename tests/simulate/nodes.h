#pragma once
// PlayedNodes: the data plane of one HTTPRoute. One node stands for all: a moment after the route has changed it sends
// requests as the route says, and reports so where reports are expected. It may be silent for a while, and go on as it
// did, or report what it does not do.

#include <functional>
#include <optional>

#include "cluster/memory_api.h"
#include "simulate/agenda.h"
#include "simulate/random.h"
#include "simulate/scenario.h"
#include "simulate/split.h"

namespace towpath::simulate {

class PlayedNodes {
 public:
  // What requests really do has changed. `asked_at`: when the route was written.
  using Listener = std::function<void(const Split& before, MonoTime asked_at)>;

  // All of it outlives the nodes.
  PlayedNodes(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario);
  void listen(Listener listener) { listener_ = std::move(listener); }

  // Carries out what concerns nodes and routes; false if it is something else.
  bool take(const Act& act);
  // From now on nothing is silent or lies.
  void heal();

  const std::optional<Split>& live() const { return live_; }
  // What is reported is what is live, or older: a controller can know it.
  bool honest() const { return scenario_.reports == traffic::RouteReports::kExpected && loop_.now() >= lied_until_; }

 private:
  void changed(const cluster::MemoryApi::Change& change);
  void carryOut();
  void report(const Value& route);
  void strip();

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  Random random_;
  Listener listener_;
  std::optional<Split> live_;
  MonoTime asked_at_{}, silent_until_{}, lying_until_{}, lied_until_{};
  bool queued_ = false;
  Agenda agenda_;  // last: what is due looks at the rest
};

}  // namespace towpath::simulate
