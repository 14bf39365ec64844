#pragma once
// A watch of one resource: the state or the changes after a revision, as a selection sees them. An object that begins
// to match is ADDED, one that ceases to is DELETED.

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "apiserver/selector.h"
#include "cluster/object_api.h"
#include "loop/event.h"
#include "store/store.h"

namespace towpath::apiserver {

// Events that a watcher has not taken yet. Past it the watch ends with kExpired, and the client lists again.
inline constexpr std::size_t kWatchBacklog = 20000;

enum class InitialEvents {
  kByVersion,  // the present state first if there is no resourceVersion, or it is "0"
  kState,      // the present state first in any case (sendInitialEvents=true)
  kNewOnly,    // from now on (sendInitialEvents=false without a resourceVersion)
};

struct RegistryWatchOptions {
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;  // events after this one; "" or "0": the present state first
  InitialEvents initial = InitialEvents::kByVersion;
};

// A kind with several versions is stored in one of them; the others differ in apiVersion alone (conversion "None").
cluster::ObjectRef inVersion(const Kind& kind, cluster::ObjectRef object);

class RegistryWatch {
 public:
  // What the store hands out goes through `selection` into a queue of references; nothing is copied.
  static Answer<std::unique_ptr<RegistryWatch>> start(loop::Loop& loop, store::Store& store, std::string resource,
                                                      Selection selection, store::Revision after, bool with_state);

  struct Event {
    cluster::WatchEvent::Type type = cluster::WatchEvent::Type::kAdded;
    cluster::ObjectRef object;
  };

  // The next event if there is one. After the last of the initial state, initialDone() is true.
  std::optional<Event> tryNext();
  bool initialDone() const { return initial_left_ == 0; }
  // Set while there is something to take or the watch has failed.
  loop::Event& ready() { return ready_; }
  const std::optional<Failure>& failure() const { return failure_; }
  // When the queue is empty, all up to here has been given out.
  store::Revision revision() const;

 private:
  RegistryWatch(loop::Loop& loop, store::Store& store, std::string resource, Selection selection)
      : store_(store), resource_(std::move(resource)), selection_(std::move(selection)), ready_(loop) {}
  Answer<void> begin(store::Revision after, bool with_state);
  void take(std::span<const store::Change> changes);
  void push(cluster::WatchEvent::Type type, cluster::ObjectRef object);

  store::Store& store_;
  std::string resource_;
  Selection selection_;
  std::deque<Event> queue_;
  std::size_t initial_left_ = 0;
  std::optional<Failure> failure_;
  loop::Event ready_;
  std::unique_ptr<store::Subscription> subscription_;
};

}  // namespace towpath::apiserver
