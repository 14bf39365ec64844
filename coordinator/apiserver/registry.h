#pragma once
// The semantics of the API over a Store, without HTTP: validation, defaults, metadata, generation, finalizers,
// selectors, optimistic concurrency, admission. rest.h serves it over HTTP, local_api.h gives it to controllers in
// process.
//
// Reads answer from memory with the stored text and never wait. A write is complete when its task ends: then it is
// durable. Deleting, as the garbage collector (edge/) relies on it:
//   - background: the object goes at once (or, with finalizers, when the last one is taken off); dependents are the
//   collector's.
//   - foreground: deletionTimestamp and the finalizer "foregroundDeletion", which the collector takes off when no
//   dependent is left.
//   - orphan: the registry takes the owner reference out of the dependents, then deletes.
//   - a Pod bound to a node gets deletionTimestamp and deletionGracePeriodSeconds; deleting it again with
//     grace_period_seconds = 0 removes it (the agent's report of its end does that).
//   - a Namespace gets deletionTimestamp and phase Terminating; when it is empty, the collector updates it through the
//     subresource "finalize" with an empty spec.finalizers, and it is gone.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/admission.h"
#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "apiserver/log_source.h"
#include "base/value.h"
#include "cluster/object_api.h"
#include "loop/task.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::store {
class Store;
struct Key;
}  // namespace towpath::store

namespace towpath::apiserver {

enum class FieldValidation { kIgnore, kWarn, kStrict };

struct WriteOptions {
  cluster::DryRun dry_run = cluster::DryRun::kNo;
  FieldValidation field_validation = FieldValidation::kIgnore;
  std::string field_manager;
  std::string subresource;  // "", "status", "scale", "finalize"
  // Members that the body had twice; the reader of its text knows them.
  std::vector<std::string> duplicate_fields;
};

struct Written {
  cluster::ObjectRef object;
  std::vector<std::string> warnings;  // for `Warning: 299` headers
  bool created = false;
};

struct Removed {
  cluster::ObjectRef object;  // its last state; gone, or waiting for finalizers or its grace period
  bool gone = false;
};

struct Page : cluster::ObjectList {
  std::int64_t remaining = 0;  // objects after this page; 0 where a selector makes that unknown
};

// Which state a list shows. Ours is always the newest, so a version that it must not be older than is only checked
// against it.
struct ListAt {
  std::string resource_version;
  std::string match;  // "", "Exact" or "NotOlderThan"
};

class RegistryWatch;
struct RegistryWatchOptions;
class WritePass;

class Registry {
 public:
  // Both outlive it.
  Registry(loop::Loop& loop, store::Store& store);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Registers the kinds of stored CustomResourceDefinitions and makes sure that the namespaces `default` and
  // `kube-system` exist. Before anything else.
  loop::Task<Result<void>> start();

  KindTable& kinds() { return kinds_; }
  const KindTable& kinds() const { return kinds_; }
  loop::Loop& loop() { return loop_; }
  store::Store& store() { return store_; }

  // Mutating hooks run before validation, validating ones after it; each in the order added. `storage_name` as in
  // Resource::storageName(): "services", "rollouts.argoproj.io".
  void addMutator(std::string storage_name, AdmissionHook hook);
  void addValidator(std::string storage_name, AdmissionHook hook);

  Answer<cluster::ObjectRef> get(const Kind& kind, std::string_view ns, std::string_view name) const;
  Answer<Page> list(const Kind& kind, const cluster::ListOptions& options, const ListAt& at = {}) const;
  Answer<std::unique_ptr<RegistryWatch>> watch(const KindRef& kind, const RegistryWatchOptions& options);

  loop::Task<Answer<Written>> create(KindRef kind, std::string ns, Value object, WriteOptions options = {});
  loop::Task<Answer<Written>> update(KindRef kind, std::string ns, std::string name, Value object,
                                     WriteOptions options = {});
  // Without a resourceVersion in the patch it is applied again, a bounded number of times, when another write came
  // between.
  loop::Task<Answer<Written>> patch(KindRef kind, std::string ns, std::string name, cluster::PatchType type,
                                    Value patch, WriteOptions options = {});
  loop::Task<Answer<Removed>> remove(KindRef kind, std::string ns, std::string name,
                                     cluster::DeleteOptions options = {});
  // The Scale of autoscaling/v1 of an object, for kinds that have it.
  Answer<Value> scaleOf(const Kind& kind, std::string_view ns, std::string_view name) const;
  // Deletes what the list selects; answers their last states.
  loop::Task<Answer<Page>> removeCollection(KindRef kind, cluster::ListOptions selection,
                                            cluster::DeleteOptions options = {});

 private:
  friend class WritePass;

  loop::Task<Result<void>> storeOwnDefinitions();
  loop::Task<Answer<void>> ensureNamespace(std::string ns);
  loop::Task<Answer<Written>> createOnce(KindRef kind, std::string ns, std::string name, Value object,
                                         WriteOptions options);
  loop::Task<Answer<Written>> commitUpdate(WritePass pass);
  // Until readers see what is staged for the key: a client that lost against a staged write reads again and must then
  // see it, or it would lose again.
  loop::Task<void> stagedWrites(store::Key key);
  loop::Task<Answer<void>> orphanDependents(std::string owner_uid);
  loop::Task<Answer<Removed>> removeObject(KindRef kind, cluster::ObjectRef old, cluster::DeleteOptions options);
  loop::Task<Answer<void>> removeContent(std::string storage_name);
  std::string newUid();

  loop::Loop& loop_;
  store::Store& store_;
  KindTable kinds_;
  std::map<std::string, std::vector<AdmissionHook>, std::less<>> mutators_;
  std::map<std::string, std::vector<AdmissionHook>, std::less<>> validators_;
};

}  // namespace towpath::apiserver
