#pragma once
// Cache: all objects of one resource, kept in memory by a list and a watch over ObjectApi. Reads are immediate. It
// resumes a broken watch where it was, lists again when the history is gone (readers keep what was there meanwhile, and
// changes come as differences, so none is missed), and retries for ever with back-off.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cluster/object_api.h"
#include "cluster/queue.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::cluster {

// What it means that the server does not know the resource (kNotFound), or does not let us see it (kForbidden): an
// error, or that there is nothing of it, as of an optional CustomResourceDefinition. In both cases it is asked again,
// so that one that appears is noticed.
enum class Unserved { kError, kEmpty };

struct CacheOptions {
  std::string ns;  // empty: all namespaces
  std::string label_selector;
  std::string field_selector;
  std::vector<std::string> label_indexes;  // labels that withLabel() can be asked for
  std::int64_t page_size = 500;
  Duration first_retry = 100ms;  // after an error, doubling with jitter up to most_retry
  Duration most_retry = 10s;
  Unserved unserved = Unserved::kError;
  Duration unserved_retry = 30s;  // until an optional resource is looked for again
};

// One of the two is null when the object was added or has gone.
struct CacheChange {
  ObjectRef before;
  ObjectRef after;

  const ObjectMeta& meta() const { return (after ? after : before)->meta(); }
  ObjectKey key() const { return {meta().ns, meta().name}; }
};

class Cache {
 public:
  // Called at once for each change. It only notes what to look at (a queue): it must not block, throw or change the
  // cache.
  using Handler = std::function<void(const CacheChange&)>;

  // Ends the calls when it is destroyed; must go before the cache.
  class Listener {
   public:
    Listener() = default;
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&& other) noexcept;
    ~Listener();

   private:
    friend class Cache;
    Cache* cache_ = nullptr;
    std::list<Handler>::iterator place_;
  };

  // `loop` and `api` outlive it.
  Cache(loop::Loop& loop, ObjectApi& api, Resource resource, CacheOptions options = {});
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache();

  void start();
  // The first list is complete. Stays true.
  bool synced() const { return synced_.isSet(); }
  loop::Task<void> waitSynced();
  // The handler is told of everything that is there already, as additions.
  [[nodiscard]] Listener listen(Handler handler);

  const Resource& resource() const { return resource_; }
  std::size_t size() const { return objects_.size(); }
  // nullptr if there is none.
  ObjectRef find(std::string_view ns, std::string_view name) const;
  // Ordered by namespace and name; empty namespace: all.
  std::vector<ObjectRef> list(std::string_view ns = {}) const;
  // Those whose controller owner has this uid.
  std::vector<ObjectRef> controlledBy(std::string_view uid) const;
  // Those with label `key` = `value`, in a namespace or (empty) in all; `key` must be one of label_indexes.
  std::vector<ObjectRef> withLabel(std::string_view ns, std::string_view key, std::string_view value) const;

  // Our own write, as its answer gave it: seen at once, without waiting for the watch. An older version than the one
  // held is ignored.
  void observe(const ObjectRef& object);
  // Our own deletion, once it is known to be complete.
  void observeGone(std::string_view ns, std::string_view name, std::string_view uid);

 private:
  struct Position;
  loop::Task<void> run();
  loop::Task<Result<void>> listAll();
  loop::Task<Error> follow();
  loop::Task<void> listOrWait();
  loop::Task<void> backOff();
  void replaceAll(std::vector<ObjectRef> items, const std::string& revision);
  void apply(const WatchEvent& event);
  void put(const ObjectRef& object);
  void erase(const ObjectKey& key);
  void index(const ObjectRef& object);
  void unindex(const ObjectRef& object);
  void tell(const CacheChange& change);

  loop::Loop& loop_;
  ObjectApi& api_;
  Resource resource_;
  CacheOptions options_;
  std::map<ObjectKey, ObjectRef> objects_;
  std::map<std::string, std::set<ObjectKey>, std::less<>> by_controller_;
  std::map<std::string, std::set<ObjectKey>, std::less<>> by_label_;  // "key=value"
  std::list<Handler> handlers_;
  std::string revision_;  // watch from here; empty: list first
  int failures_ = 0;
  loop::Event synced_;
  loop::Scope scope_;  // last: its tasks go first
};

// <0, 0, >0 by their order where both are numbers (the store's and etcd's are); nullopt otherwise: not comparable.
std::optional<std::strong_ordering> compareRevisions(std::string_view a, std::string_view b);

}  // namespace towpath::cluster
