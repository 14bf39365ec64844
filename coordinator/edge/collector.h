#pragma once
// Collector: the garbage collector. An object whose owners are all gone is deleted; an owner that is deleted in the
// foreground waits, with its finalizer `foregroundDeletion`, until those that it owns and that block it are gone. It
// reads the store itself (in one process nothing is stale) and deletes through the API.

#include <string>

#include "cluster/controller.h"
#include "cluster/object_api.h"
#include "edge/ownership.h"
#include "loop/scope.h"

namespace towpath::edge {

// What is to be done about one object.
enum class Verdict {
  kKeep,
  kDelete,            // every owner is gone
  kDeleteDependents,  // it is being deleted in the foreground
  kFinish,            // the same, and nothing blocks it any more
};

class Collector {
 public:
  Collector(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api);
  void start();

 private:
  loop::Task<void> followResources();
  loop::Task<Result<cluster::PassEnd>> pass(store::Key key);
  Verdict judge(const cluster::StoredObject& object, const Value& tree) const;
  std::vector<store::Key> blockingDependents(const std::string& uid) const;
  loop::Task<Result<void>> remove(store::Key key, cluster::ObjectRef object, cluster::Propagation propagation);
  loop::Task<Result<void>> dropFinalizer(store::Key key, Value object);
  void lookAt(const store::Key& key);

  loop::Loop& loop_;
  store::Store& store_;
  cluster::ObjectApi& api_;
  // Keys of the queue are {resource, "namespace/name"}.
  cluster::Controller controller_;
  Ownership ownership_;
  loop::Scope scope_;
};

}  // namespace towpath::edge
