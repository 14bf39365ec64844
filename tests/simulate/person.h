#pragma once
// What people write: the patches of `towpath`'s verbs (cli/commands/verbs.cc) and of an apply.

#include "cluster/memory_api.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class Person {
 public:
  Person(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario)
      : loop_(loop), api_(api), scenario_(scenario) {}

  void carryOut(const Act& act);
  // The rollout waits for somebody to promote it.
  bool isWaitedFor() const;

 private:
  void patchStatus(Value status);
  void patchSpec(Value spec);
  void promote();
  void undo();
  void setImage(int version);

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  int touches_ = 0;
};

}  // namespace towpath::simulate
