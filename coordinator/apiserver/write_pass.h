#pragma once
// One write on its way from what a client sent to what will be stored: metadata, the part that the subresource may
// change, defaults, admission, schema and rules. It reads nothing and stores nothing.

#include <string>
#include <vector>

#include "apiserver/registry.h"
#include "store/store.h"

namespace towpath::apiserver {

// NotFound, Invalid and their like with the details that clients look at.
Failure failureAbout(const Kind& kind, std::string_view name, Reason reason, std::string message);
Failure notFound(const Kind& kind, std::string_view name);
Failure conflictOf(const Kind& kind, std::string_view name);
Failure invalidObject(const Kind& kind, std::string_view name, std::vector<Cause> causes);

class WritePass {
 public:
  // `old` is null for a create.
  WritePass(Registry& registry, KindRef kind, store::Key key, cluster::ObjectRef old, WriteOptions options);

  // From a client's object to `next`.
  Answer<void> prepareCreate(Value object, std::string uid);
  Answer<void> prepareUpdate(Value object);

  const KindRef& kind() const { return kind_; }
  const store::Key& key() const { return key_; }
  const cluster::ObjectRef& old() const { return old_; }
  const WriteOptions& options() const { return options_; }
  const Value& oldTree() const { return old_tree_; }
  Value& next() { return next_; }
  std::vector<std::string>& warnings() { return warnings_; }
  // The update changes nothing.
  bool unchanged() const;
  // An object whose deletion was only waiting for what this update takes away.
  bool finishesDeletion() const;

 private:
  Answer<void> checkIdentity(Value& object) const;
  Answer<void> checkPreconditions(const Value& object) const;
  Answer<void> takeSubresource(Value object);
  void keepMetadata();
  void raiseGeneration();
  Answer<void> admit(const std::map<std::string, std::vector<AdmissionHook>, std::less<>>& hooks, Operation operation);
  Answer<void> checkShape();
  Answer<void> finish(Operation operation);

  Registry& registry_;
  KindRef kind_;
  store::Key key_;
  cluster::ObjectRef old_;
  WriteOptions options_;
  Value old_tree_;
  Value next_;
  std::vector<std::string> warnings_;
};

}  // namespace towpath::apiserver
