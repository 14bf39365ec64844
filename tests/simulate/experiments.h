#pragma once
// PlayedExperiments: stands in for the controller of Experiments, which is told so by ExperimentsBy::kPlayers. What a
// step's Experiment finds follows from the quality of its version.

#include <map>
#include <string>

#include "cluster/memory_api.h"
#include "simulate/agenda.h"
#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class PlayedExperiments {
 public:
  // All of it outlives the players.
  PlayedExperiments(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario);

  // Pods answer behind this service of an experiment.
  bool serves(const std::string& service) const { return services_.contains(service); }

 private:
  struct Played {
    Health health = Health::kGood;
    Quality quality = Quality::kGood;
    bool over = false;
  };

  void changed(const cluster::MemoryApi::Change& change);
  void begin(const std::string& name, Played played);
  void takeUp(const std::string& name);
  void run(const std::string& name);
  void finish(const std::string& name, const char* phase, const char* message);
  void clearUp(const std::string& name);
  void write(const std::string& name, Value status);
  Array templateStatuses(const std::string& name, const char* code);
  const Value& object(const std::string& name) const;

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  Random random_;
  std::map<std::string, Played> played_;         // by name of the Experiment
  std::map<std::string, std::string> services_;  // … of an experiment, by name
  Agenda agenda_;                                // last: what is due looks at the rest
};

}  // namespace towpath::simulate
