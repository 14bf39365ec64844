#pragma once
// MemoryApi: the API in memory, for tests and the simulator: no disk, no schema, no admission, and so a tenth of the
// cost of the registry. What controllers rely on is the same (object_api.h; tests/unit/apiserver/alike_test.cc runs
// both): optimistic concurrency, generation, status apart from the rest, no event for a write that changes nothing,
// deletion with finalizers and grace periods, watches that resume or answer kGone.
//
// Everything happens within the call. The …Now functions are the same without a coroutine, for the players of a
// simulated world. Selectors are not understood: a list or a watch that has one is kUnsupported. Dependents of what is
// deleted stay: collecting them is somebody else's task, as it is on a real server.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/object_api.h"
#include "cluster/queue.h"
#include "loop/event.h"
#include "loop/loop.h"

namespace towpath::cluster {

class MemoryApi final : public ObjectApi {
 public:
  struct Options {
    std::size_t history = 4096;  // changes of a resource that a watch may resume from
  };
  // One of the two trees is null when the object was added or has gone.
  struct Change {
    const Resource& resource;
    const Value& before;
    const Value& after;
  };
  // Called at once for each change, before any watcher sees it. It must not write.
  using Listener = std::function<void(const Change&)>;

  explicit MemoryApi(loop::Loop& loop) : MemoryApi(loop, Options{}) {}
  MemoryApi(loop::Loop& loop, Options options);
  ~MemoryApi() override;

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }
  // Forgets all history: watches that are behind, or that resume from before, get kGone.
  void compact();
  std::uint64_t revision() const { return revision_; }

  Result<ObjectRef> getNow(const Resource& resource, std::string_view ns, std::string_view name) const;
  // The tree itself, without a copy; null if there is none. Valid until the next write.
  const Value& peek(const Resource& resource, std::string_view ns, std::string_view name) const;
  // Ordered by namespace and name; valid until the next write.
  std::vector<const Value*> peekAll(const Resource& resource) const;
  Result<ObjectRef> createNow(const Resource& resource, Value object, const WriteOptions& options = {});
  Result<ObjectRef> updateNow(const Resource& resource, Value object, const WriteOptions& options = {});
  Result<ObjectRef> patchNow(const Resource& resource, const std::string& ns, const std::string& name, PatchType type,
                             const Value& patch, const WriteOptions& options = {});
  Result<void> removeNow(const Resource& resource, const std::string& ns, const std::string& name,
                         const DeleteOptions& options = {});

  loop::Task<Result<ObjectRef>> get(const Resource& resource, std::string ns, std::string name) override;
  loop::Task<Result<ObjectList>> list(const Resource& resource, ListOptions options) override;
  loop::Task<Result<std::unique_ptr<Watch>>> watch(const Resource& resource, WatchOptions options) override;
  loop::Task<Result<ObjectRef>> create(const Resource& resource, Value object, WriteOptions options = {}) override;
  loop::Task<Result<ObjectRef>> update(const Resource& resource, Value object, WriteOptions options = {}) override;
  loop::Task<Result<ObjectRef>> patch(const Resource& resource, std::string ns, std::string name, PatchType type,
                                      Value patch, WriteOptions options = {}) override;
  loop::Task<Result<void>> remove(const Resource& resource, std::string ns, std::string name,
                                  DeleteOptions options = {}) override;

 private:
  class MemoryWatch;
  struct Entry {
    ObjectRef ref;
    Value tree;
  };
  struct Logged {
    std::uint64_t revision = 0;
    WatchEvent event;
  };
  struct Table {
    explicit Table(loop::Loop& loop) : changed(loop) {}
    std::map<ObjectKey, Entry> objects;
    std::deque<Logged> history;
    std::uint64_t first = 0;      // position of history.front(), counted from the beginning
    std::uint64_t compacted = 0;  // the newest revision that is forgotten
    loop::Notify changed;
  };

  Table& table(const Resource& resource);
  const Entry* find(const Resource& resource, std::string_view ns, std::string_view name) const;
  // Stores `next` in place of `entry`, unless they say the same.
  Result<ObjectRef> replace(const Resource& resource, Table& in, Entry& entry, Value next, const WriteOptions& options);
  void erase(const Resource& resource, Table& in, const ObjectKey& key);
  void note(Table& in, WatchEvent::Type type, const ObjectRef& object);
  void forgetOldest(Table& in);
  std::string newUid();

  loop::Loop& loop_;
  Options options_;
  std::map<std::string, Table, std::less<>> tables_;  // by storage name
  std::vector<Listener> listeners_;
  std::uint64_t revision_ = 1;
  std::uint64_t uids_ = 0;
};

}  // namespace towpath::cluster
