#pragma once
// What the seeds reached: kinds of actions, reasons of events and conditions, phases, and commands by the phase that
// they met.

#include <cstdint>
#include <map>
#include <string>

#include "engine/rollout/decision.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class Coverage {
 public:
  void decided(const rollout::World& world, const rollout::Decision& decision);
  void commanded(const char* strategy, const std::string& phase, ActKind command);
  void struck(ActKind fault) { ++hits_["fault: " + std::string(toString(fault))]; }
  void add(const Coverage& other);

  std::uint64_t decisions() const { return decisions_; }
  // Different things of a kind ("action", "event", "condition", "phase", "command", "fault") that were reached.
  std::size_t reached(const std::string& kind) const;
  bool has(const std::string& what) const { return hits_.contains(what); }
  // One line each, "command: canary/Paused/abort 17", by kind and name.
  std::string text() const;

 private:
  std::uint64_t decisions_ = 0;
  std::map<std::string, std::uint64_t> hits_;
};

const char* strategyOf(const model::RolloutSpec& spec, bool recreate);

}  // namespace towpath::simulate
