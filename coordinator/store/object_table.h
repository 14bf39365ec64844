#pragma once
// ObjectTable: what every Store keeps in memory. Committed objects by resource, the writes that wait above them, the
// history of changes and the watchers. It knows no disk: an owner stages a transaction, makes it durable, and then
// applies it, or drops everything staged when the disk refused.
//
//   stage()  → pending   checks preconditions against the latest state, gives revisions
//   apply()  → committed in the order of staging; history and watchers follow
//   dropStaged()         forgets all that is pending

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "store/store.h"

namespace towpath::store {

struct HistoryLimits {
  std::size_t changes = 20000;
  // Texts that nothing but the history keeps: at most as many as live objects have, since listing those anew costs a
  // client no more than that; but 1 MB in any case.
  std::size_t bytes = 16u << 20;
  Duration age = 15min;  // by the loop's clock; of changes loaded at start, since the start
};

struct StagedChange {
  Key key;
  Change change;
};

// A small secret: its bytes, or nullopt for an erasure.
struct PrivateChange {
  std::string name;
  std::optional<std::string> bytes;
};

struct Staged {
  std::vector<StagedChange> changes;
  std::vector<PrivateChange> privates;
};

enum class LoadedRow { kPut, kDeletion };

// Rows that nothing needs any more, and how far the history reaches now.
struct Compaction {
  std::vector<Revision> rows;
  Revision compacted = 0;
};

inline constexpr std::size_t kHistoryBytesLeast = 1u << 20;

class ObjectTable {
 public:
  // Revisions are taken from `counter`, which several tables may share; it holds the last one given out.
  ObjectTable(Revision& counter, HistoryLimits limits);
  ~ObjectTable();

  // For loading, in the order of revisions: rows up to `compacted` are state, those after it are history too.
  void setCompacted(Revision compacted);
  // Adds to `superfluous` the rows that this one leaves without a use: left over from a compaction that was cut short.
  void load(const Key& key, Revision revision, LoadedRow row, cluster::ObjectRef object,
            std::vector<Revision>& superfluous, MonoTime now);
  void loadPrivate(std::string name, std::string bytes) { privates_[std::move(name)] = std::move(bytes); }
  // The state is complete up to here.
  void finishLoading(Revision committed) { committed_ = committed; }

  Result<Staged> stage(Transaction transaction);
  PrivateChange stagePrivate(std::string name, std::optional<std::string> bytes);
  // Makes what was staged visible. Watchers are called by notify(), once for a group of transactions.
  void apply(const Staged& staged, MonoTime now);
  void notify();
  void dropStaged();

  // Forgets changes over the limits, at most `rows_max` rows at a time. The rows must be erased on the disk together
  // with storing `compacted`.
  Compaction compact(MonoTime now, std::size_t rows_max);

  cluster::ObjectRef find(const Key& key) const;
  cluster::ObjectRef findLatest(const Key& key) const;
  Result<ListPage> list(std::string_view resource, const ListQuery& query) const;
  std::vector<std::string> resources() const;
  Result<std::unique_ptr<Subscription>> watch(std::string_view resource, Revision after, Sink sink);
  Revision committed() const { return committed_; }
  // Latest state, as the owner gave it (sealed or not).
  const std::string* findPrivate(std::string_view name) const;
  std::vector<std::string> listPrivate(std::string_view prefix) const;
  void addStats(StoreStats& stats) const;

 private:
  class Watcher;
  // By "namespace/name".
  using Objects = std::map<std::string, cluster::ObjectRef, std::less<>>;
  struct ResourceState {
    Objects objects;
    std::deque<Change> history;      // ascending by revision
    std::vector<Watcher*> watchers;  // null: ended while they were being called
    std::vector<Change> unnotified;  // applied, not yet seen by the watchers
  };
  struct PendingPrivate {
    std::optional<std::string> bytes;
    std::size_t staged = 0;  // changes of this record that wait
  };
  // One entry for each change of the history, over all resources.
  struct HistoryEntry {
    ResourceState* resource;
    MonoTime at;
  };

  Result<void> checkPrecondition(const Key& key, const Precondition& precondition) const;
  Result<void> checkOperations(const Transaction& transaction) const;
  Result<StagedChange> prepare(Transaction::Operation operation, Revision revision) const;
  void applyChange(const StagedChange& staged, MonoTime now);
  void notify(ResourceState& state);
  void setObject(ResourceState& state, const Key& key, const Change& change);
  void remember(ResourceState& state, Change change, MonoTime now);
  bool overLimits(MonoTime now) const;
  void forgetOldest(Compaction& into);
  // What differed from now at `revision`: nullptr for what did not exist then.
  static Objects differencesAt(const ResourceState& state, Revision revision);
  void end(Watcher& watcher);

  Revision& counter_;
  HistoryLimits limits_;
  Revision committed_ = 1;
  Revision compacted_ = 1;
  std::map<std::string, ResourceState, std::less<>> states_;  // stable addresses
  std::map<Key, Change> pending_;                             // the newest staged change of a key
  std::map<std::string, std::string, std::less<>> privates_;
  std::map<std::string, PendingPrivate, std::less<>> pending_privates_;
  std::deque<HistoryEntry> history_;
  std::vector<ResourceState*> to_notify_;
  std::size_t live_bytes_ = 0;
  std::size_t history_bytes_ = 0;
  std::size_t object_count_ = 0;
  std::size_t watcher_count_ = 0;
  bool notifying_ = false;
};

}  // namespace towpath::store
