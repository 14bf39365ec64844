#pragma once
// A world: the scenario's objects in a cluster in memory, a coordinator process with the real controllers, people and
// misfortune, all on one virtual loop. Same scenario, same run. Sometimes several rollouts share it, each a tenant in a
// namespace of its own.
//
//   active     people act and things fail                                    Scenario::active
//   calm       nothing fails any more; it must come to rest                  rules unsettled, wedged, wrong-end
//   rest       another coordinator finds it; nothing is written             restless
//   way out    a person brings a good version and promotes it               no-way-out, wrong-end

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/virtual_loop.h"
#include "simulate/agenda.h"
#include "simulate/cluster.h"
#include "simulate/coverage.h"
#include "simulate/experiments.h"
#include "simulate/faulty_api.h"
#include "simulate/monitor.h"
#include "simulate/nodes.h"
#include "simulate/person.h"
#include "simulate/plugins.h"
#include "simulate/scenario.h"
#include "support/controllers.h"

namespace towpath::simulate {

enum class Trace : std::uint8_t { kNo, kYes };

struct Outcome {
  std::optional<Breach> breach;
  Coverage coverage;
  std::uint64_t rollouts = 0;         // first deployments
  std::uint64_t updates = 0;          // versions that people asked for
  std::string at_rest;                // once calm: "Paused, v1 is stable", …; of the first rollout
  std::vector<std::string> timeline;  // with Trace::kYes
  std::uint64_t fingerprint = 0;      // of all writes in their order, with their times
};

class World {
 public:
  World(const Scenario& scenario, Trace trace);
  ~World();

  Outcome run();

 private:
  // A rollout with what is around it alone.
  struct Tenant {
    Tenant(World& world, const Scenario& given);
    const Scenario& scenario;
    SimulatedCluster cluster;
    PlayedNodes nodes;
    PlayedExperiments experiments;
    Person person;
    Monitor monitor;
    std::string shown;
    // The rules about coming to rest are for those that can.
    bool lives() const { return scenario.poison == Poison::kNone; }
  };
  // A coordinator, with all that goes when it dies.
  struct Process {
    using ControllersFor = std::function<control::Controllers::Parts(FaultyApi&)>;
    Process(FaultyApi::Parts parts, ControllersFor controllers_for);
    FaultyApi api;
    control::Controllers controllers;
  };
  struct Between {
    Tenant* tenant;
    Act act;
  };

  void create(const Tenant& tenant);
  void start(std::unique_ptr<Process>& process);
  void died(std::unique_ptr<Process>& process);
  control::Controllers::Parts controllersFor(FaultyApi& api);
  void decided(const rollout::World& world, const rollout::Decision& decision, WallTime now);
  void wrote(const std::string& what);
  void act(Tenant& tenant, const Act& act);
  void misfortune(Tenant& tenant, const Act& act);
  void beDiligent(Tenant& tenant);
  bool broken() const;
  bool runUntil(MonoTime at);  // false: a rule was broken
  bool calm();
  bool rest();
  bool wayOut();
  bool bringGoodVersion(Tenant& tenant);
  bool settles(Tenant& tenant);
  bool settle();
  Duration staleness() const;
  void say(std::string text);
  void sayStatus(Tenant& tenant);
  Quality qualityOf(const std::string& hash) const;
  loop::Task<Result<http::Response>> measure(http::ClientRequest request);

  const Scenario& scenario_;
  Trace trace_;
  loop::VirtualLoop loop_;
  cluster::MemoryApi api_;
  Writer writer_ = Writer::kCluster;
  Faults faults_;
  PlayedPlugins plugins_;
  std::vector<std::unique_ptr<Tenant>> tenants_;  // the first one is the scenario's own
  Outcome outcome_;
  MonoTime start_;
  std::vector<Between> in_between_;                // acts that wait for a write
  std::map<std::string, std::uint64_t> measured_;  // by version hash
  MonoTime cut_at_{}, second_until_{};
  Agenda agenda_;
  std::unique_ptr<Process> first_, second_;  // last: they go first
};

}  // namespace towpath::simulate
