#pragma once
// ObjectApi: how controllers reach the world. One interface, three adapters: in-process onto the store
// (apiserver/local_api.h), over HTTP to a kube-apiserver, and in memory for tests and the simulator. A controller
// cannot tell which one it has. Semantics are Kubernetes': optimistic concurrency by resourceVersion, generation raised
// by spec changes only, status written through its subresource, a watch that resumes from a resourceVersion or answers
// kGone.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "loop/task.h"

namespace towpath::cluster {

struct ListOptions {
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  std::int64_t limit = 0;  // 0: all
  std::string continue_token;
};

struct ObjectList {
  std::vector<ObjectRef> items;
  std::string resource_version;  // watch from here to miss nothing
  std::string continue_token;    // not empty: there is more
};

enum class PatchType { kJson, kMerge, kStrategicMerge };
enum class DryRun { kNo, kYes };
enum class Propagation { kBackground, kForeground, kOrphan };

// Where a rate limit makes writes wait. Urgent: what takes traffic or pods away from a version that is being aborted;
// it passes what waits. Idle: what tells people of the work (Events); it waits for the work, but for one in ten.
enum class Urgency { kNormal, kUrgent, kIdle };

struct WriteOptions {
  DryRun dry_run = DryRun::kNo;
  std::string field_manager;
  // "", "status" or "scale"; of the creation of an Eviction, which bears a pod's name, "eviction": kTooManyRequests if
  // a disruption budget forbids it now.
  std::string subresource;
  Urgency urgency = Urgency::kNormal;
};

struct DeleteOptions {
  DryRun dry_run = DryRun::kNo;
  std::optional<Propagation> propagation;
  std::string uid;               // precondition, if not empty
  std::string resource_version;  // precondition, if not empty
  std::optional<std::int64_t> grace_period_seconds;
};

struct WatchOptions {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;  // events after this one; empty: the present state first, as synthetic kAdded events
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  Type type = Type::kAdded;
  ObjectRef object;  // for a bookmark only its resource_version means something
};

// A running watch; destroying it ends it. One reader.
class Watch {
 public:
  virtual ~Watch() = default;
  // The next event; waits for it. An error ends the watch: kGone means list again, anything else means resume from the
  // last resourceVersion seen.
  virtual loop::Task<Result<WatchEvent>> next() = 0;
};

class ObjectApi {
 public:
  virtual ~ObjectApi() = default;

  virtual loop::Task<Result<ObjectRef>> get(const Resource& resource, std::string ns, std::string name) = 0;
  virtual loop::Task<Result<ObjectList>> list(const Resource& resource, ListOptions options) = 0;
  virtual loop::Task<Result<std::unique_ptr<Watch>>> watch(const Resource& resource, WatchOptions options) = 0;
  virtual loop::Task<Result<ObjectRef>> create(const Resource& resource, Value object, WriteOptions options = {}) = 0;
  // Replaces the whole object (or its status); metadata.resourceVersion, if present, is a precondition.
  virtual loop::Task<Result<ObjectRef>> update(const Resource& resource, Value object, WriteOptions options = {}) = 0;
  virtual loop::Task<Result<ObjectRef>> patch(const Resource& resource, std::string ns, std::string name,
                                              PatchType type, Value patch, WriteOptions options = {}) = 0;
  virtual loop::Task<Result<void>> remove(const Resource& resource, std::string ns, std::string name,
                                          DeleteOptions options = {}) = 0;
};

}  // namespace towpath::cluster
