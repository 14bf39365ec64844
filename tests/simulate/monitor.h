#pragma once
// Monitor: follows every change of an object and every decision, and holds them to the rules (rules.h). It knows what
// people did, what pods and proxies really do, and how stale a controller's view may be at the moment; it never writes.
// It looks at the one rollout of its scenario. The first breach ends the run.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cluster/memory_api.h"
#include "engine/rollout/decision.h"
#include "simulate/cluster.h"
#include "simulate/experiments.h"
#include "simulate/faulty_api.h"
#include "simulate/nodes.h"
#include "simulate/person.h"
#include "simulate/plugins.h"
#include "simulate/rules.h"
#include "simulate/scenario.h"
#include "simulate/track.h"

namespace towpath::simulate {

class Monitor {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::MemoryApi& api;
    const Scenario& scenario;
    const Writer& writer;
    const SimulatedCluster& cluster;
    const PlayedNodes& nodes;
    const PlayedExperiments& experiments;
    const PlayedPlugins& plugins;
    const Person& person;
    std::function<Duration()> staleness;  // how old what a controller sees may be now
    std::function<bool()> two_at_once;    // two coordinators work, or did a moment ago
  };
  explicit Monitor(Parts parts);

  // After each moment of the run: what the pods are.
  void look();
  // What the proxies do has changed; the route that asks for it was written at `asked_at`.
  void checkLive(const Split& before, MonoTime asked_at);
  void noteDeath() { died_ = true; }  // of a coordinator: what it had in mind is lost
  void decided(const rollout::World& world, const rollout::Decision& decision, WallTime now);
  void breach(RuleId id, std::string text);
  const std::optional<Breach>& first() const { return first_; }

  // At rest: what contradicts the phase; "" if all is right.
  std::string contradiction() const;
  int stableVersion() const;  // 0 if there is none
  const model::RolloutStatus& status() const { return status_; }
  const model::RolloutSpec& spec() const { return spec_; }
  const model::Extensions& extensions() const { return extensions_; }
  bool recreate() const { return recreate_; }
  // From now on it may take that long until it is at rest, if nothing fails and nobody acts.
  Duration settlesWithin() const;
  // Writes apart from events, and apart from the measurements of runs.
  std::uint64_t writes() const { return writes_; }
  MonoTime lastWrite() const { return last_write_; }
  enum class Runs : std::uint8_t { kAll, kThatEnd };
  // An analysis is not finished yet; kThatEnd: one that ends by itself.
  bool measures(Runs which) const;

 private:
  struct Set {
    model::ReplicaSet set;
    int version = 0;
    Track available;
  };
  struct PauseSeen {
    MonoTime since{};
    std::int32_t step = -1;
    std::string hash;
  };
  enum class Share : std::uint8_t { kReady, kFull };

  void changed(const cluster::MemoryApi::Change& change);
  void setChanged(const Value& before, const Value& after);
  void serviceChanged(const Value& before, const Value& after);
  void routeChanged(const Value& before, const Value& after);
  void rolloutChanged(const Value& before, const Value& after);
  void runChanged(const Value& before, const Value& after);
  void workloadChanged(const Value& before, const Value& after);
  void respecify(const Value& rollout);

  void checkScaled(const Set& set, std::int32_t before);                  // monitor_counts.cc
  void checkRaised(const Set& set);                                       //
  void checkLowered(const Set& set, std::int32_t before);                 //
  void checkServed(const std::string& service, const std::string& hash);  // monitor_traffic.cc
  void checkSplit(const Split& before);                                   //
  void checkCanaryWeight(std::int64_t before, std::int64_t after);
  void checkManaged(const Split& before);
  void checkActiveSwitch(const std::string& before, const std::string& hash);
  void checkShare(const std::string& hash, int share, MonoTime since);
  void checkLiveShare(const Set& set);
  void checkStatus(const model::RolloutStatus& before);  // monitor_status.cc
  void checkAbort(const model::RolloutStatus& before);
  void checkAdvance(const model::RolloutStatus& before);
  void checkPauseStep(const model::RolloutStatus& before, const model::PauseStep& pause);
  void checkAnalysisStep(const model::RolloutStatus& before);
  void checkPluginStep(const model::RolloutStatus& before);
  void checkExperimentStep(const model::RolloutStatus& before);
  void checkRouteStep(const model::Step& step);
  void checkPromoted(const model::RolloutStatus& before);
  void checkRoutesAfterAbort(const model::RolloutStatus& before);
  void checkNewVersion(const model::RolloutStatus& before);  // monitor_versions.cc
  void noteRefused(const std::string& hash);                 //
  std::string wrongVersion() const;                          //
  std::string wrongMetadata() const;                         //
  std::string wrongWorkload() const;                         //
  std::string leftBehind() const;                            // monitor_end.cc
  std::string wrongCounts() const;                           //
  std::string wrongStable() const;                           //
  std::string wrongWhileInvalid() const;                     //
  void notePauses(const model::RolloutStatus& before);
  void notePerson(const model::RolloutStatus& before, const model::RolloutSpec& spec_before);

  bool byController() const { return parts_.writer == Writer::kController; }
  MonoTime stale() const { return parts_.loop.now() - parts_.staleness(); }
  const Set* setOf(const std::string& hash) const;
  std::string selectorOf(const std::string& service) const;
  model::ServicePair services() const;  // that the route names now
  bool isOurs(const Value& object) const { return cluster::namespaceOf(object) == parts_.scenario.ns; }
  std::vector<const Value*> all(const cluster::Resource& resource) const;
  int liveShareOf(const std::string& hash) const;
  std::optional<model::AnalysisPhase> newestExperiment(const std::string& hash, std::int32_t step) const;
  // Parts of 100 of the requests that the data plane gives to this version; nullopt: the strategy does not route.
  std::optional<int> shareOf(const std::string& hash) const;
  std::optional<model::AnalysisPhase> newestRun(const char* type, const std::string& hash,
                                                std::optional<std::int32_t> step) const;
  bool skips(const model::RolloutStatus& before) const;

  Parts parts_;
  MonoTime start_;
  std::optional<Breach> first_;
  model::RolloutSpec spec_;
  model::RolloutStatus status_;
  bool recreate_ = false;
  std::map<std::string, Set> sets_;               // by name
  std::map<std::string, std::string> selectors_;  // hash by service
  model::Extensions extensions_;
  std::string refused_hash_;  // of the version that must not start; "" if there is none
  int refused_version_ = 0;
  Split split_;  // as the route says
  Track wanted_, header_, mirror_, ready_, healthy_, invalid_, surge_, unavailable_, aborted_, paused_, unclear_;
  std::optional<PauseSeen> pause_;
  bool released_ = false;  // a person ended the pause of this step and version
  bool promoted_ = false;  // a person promoted this version (blue-green)
  bool died_ = false;
  std::uint64_t writes_ = 0;
  MonoTime last_write_{};
  MonoTime moment_{};
  int decisions_now_ = 0;
};

}  // namespace towpath::simulate
