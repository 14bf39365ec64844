#pragma once
// Monitor: follows every change of an object and every decision, and holds them to the rules (rules.h). It knows what
// people did, what the pods really do, and how stale a controller's view may be at the moment; it never writes. The
// first breach ends the run.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cluster/memory_api.h"
#include "engine/rollout/decision.h"
#include "simulate/faulty_api.h"
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
    std::function<Duration()> staleness;  // how old what a controller sees may be now
    std::function<bool()> two_at_once;    // two coordinators work, or did a moment ago
  };
  explicit Monitor(Parts parts);

  // After each moment of the run: what the pods are.
  void look(const std::map<std::string, int>& running);
  void decided(const rollout::World& world, const rollout::Decision& decision, WallTime now);
  void breach(RuleId id, std::string text);
  const std::optional<Breach>& first() const { return first_; }

  // At rest: what contradicts the phase; "" if all is right.
  std::string contradiction() const;
  int stableVersion() const;  // 0 if there is none
  const model::RolloutStatus& status() const { return status_; }
  const model::RolloutSpec& spec() const { return spec_; }
  bool recreate() const { return recreate_; }
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

  void checkScaled(const Set& set, std::int32_t before);                  // monitor_counts.cc
  void checkRaised(const Set& set);                                       //
  void checkLowered(const Set& set, std::int32_t before);                 //
  void checkServed(const std::string& service, const std::string& hash);  // monitor_traffic.cc
  void checkWeight(std::int64_t before, std::int64_t after);              //
  void checkActiveSwitch(const std::string& before, const std::string& hash);
  void checkStatus(const model::RolloutStatus& before);  // monitor_status.cc
  void checkAbort(const model::RolloutStatus& before);
  void checkAdvance(const model::RolloutStatus& before);
  void checkPauseStep(const model::RolloutStatus& before, const model::PauseStep& pause);
  void checkAnalysisStep(const model::RolloutStatus& before);
  void checkPromoted(const model::RolloutStatus& before);
  void notePauses(const model::RolloutStatus& before);
  void notePerson(const model::RolloutStatus& before, const model::RolloutSpec& spec_before);

  bool byController() const { return parts_.writer == Writer::kController; }
  MonoTime stale() const { return parts_.loop.now() - parts_.staleness(); }
  const Set* setOf(const std::string& hash) const;
  std::string selectorOf(const std::string& service) const;
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
  std::int64_t weight_ = 0;                       // of the canary service in the route
  std::int64_t sum_ = 100;
  Track wanted_, surge_, unavailable_, aborted_, paused_, unclear_;
  std::optional<PauseSeen> pause_;
  bool released_ = false;  // a person ended the pause of this step and version
  bool promoted_ = false;  // a person promoted this version (blue-green)
  std::uint64_t writes_ = 0;
  MonoTime last_write_{};
  MonoTime moment_{};
  int decisions_now_ = 0;
};

}  // namespace towpath::simulate
