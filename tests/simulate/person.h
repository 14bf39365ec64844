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
  // The version that the Rollout's template, or that of the workload it names, asks for.
  int wantedVersion() const;
  // The rollout waits for somebody to promote it.
  bool isWaitedFor() const;

 private:
  const Value& rollout() const;
  void patch(const Value& change, const cluster::WriteOptions& options = {});
  void patchStatus(Value status);
  void patchSpec(Value spec);
  void promote();
  void undo();
  void spoil(int how);
  void mend();
  void setImage(int version);
  void setTemplate(Value pod_template);

  loop::Loop& loop_;
  cluster::MemoryApi& api_;
  const Scenario& scenario_;
  int touches_ = 0;
};

}  // namespace towpath::simulate
