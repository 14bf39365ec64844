#pragma once
// Store: where the objects of the API live. Everything live is in memory and is read there, at once, on the loop
// thread; a write is on the disk before it is acknowledged.
//
// The two states a reader can ask for:
//   committed  what is durable. find, list and watchers see this and nothing newer.
//   latest     committed plus the writes that wait for the disk. Preconditions are checked against it, and so must be
//   every
//              read-modify-write: findLatest → change → commit with no co_await between the three cannot conflict.
//
// Every change has a revision of its own (a transaction of three changes takes three), which rises by at least one and
// is the object's metadata.resourceVersion. All functions are called on the loop thread. Implementations:
// sqlite_store.h, memory_store.h.

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "cluster/object.h"
#include "loop/task.h"

namespace towpath::store {

using Revision = std::int64_t;

struct Key {
  std::string resource;  // cluster::Resource::storageName(): "pods", "rollouts.argoproj.io"
  std::string ns;        // empty for cluster-scoped kinds
  std::string name;
  auto operator<=>(const Key&) const = default;
};

// What must hold of the latest state of a key for the write to be accepted.
struct Precondition {
  enum class Kind { kNone, kMustNotExist, kMustExist, kRevision };
  Kind kind = Kind::kNone;
  Revision revision = 0;  // for kRevision

  static Precondition none() { return {}; }
  static Precondition mustNotExist() { return {Kind::kMustNotExist, 0}; }
  static Precondition mustExist() { return {Kind::kMustExist, 0}; }
  static Precondition at(Revision revision) { return {Kind::kRevision, revision}; }
  // The revision of an object that was read: `Precondition::of(*store.findLatest(key))`.
  static Precondition of(const cluster::StoredObject& object);
};

// Changes that happen together or not at all. A key may occur once. All resources of a transaction must be of the same
// durability (sqlite_store.h: events may be kept in a faster file).
class Transaction {
 public:
  struct Operation {
    Key key;
    std::optional<Value> object;  // nullopt: delete
    Precondition precondition;
  };

  // metadata.resourceVersion of the object is set by the store; metadata.name and namespace must be those of the key.
  Transaction& put(Key key, Value object, Precondition precondition = {});
  // A key that does not exist is kNotFound.
  Transaction& erase(Key key, Precondition precondition = {});
  // Only looks: the transaction is refused if it does not hold, and nothing is written for this key.
  Transaction& check(Key key, Precondition precondition);

  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<std::pair<Key, Precondition>>& checks() const { return checks_; }
  std::vector<Operation> takeOperations() && { return std::move(operations_); }

 private:
  std::vector<Operation> operations_;
  std::vector<std::pair<Key, Precondition>> checks_;
};

struct CommitResult {
  Revision revision = 0;  // of the last change
  // One for each put and erase, in their order: the object as stored, or for an erase the last object, with the
  // deletion's revision.
  std::vector<cluster::ObjectRef> objects;
};

struct ListQuery {
  std::string ns;                  // empty: all
  std::size_t limit = 0;           // of objects that pass the filter; 0: all
  std::optional<Key> start_after;  // continue after this key (its resource is ignored)
  Revision revision = 0;           // the state as it was at this revision (that of the first page); 0: as it is
  std::function<bool(const cluster::StoredObject&)> filter;  // empty: all
};

struct ListPage {
  std::vector<cluster::ObjectRef> items;  // ordered by "namespace/name" as bytes
  Revision revision = 0;                  // of the state listed: watch from here to miss nothing
  std::optional<Key> continue_after;      // there is more: pass it on as start_after, with this revision
  std::size_t remaining = 0;              // objects after this page, before filtering
};

struct Change {
  enum class Type { kAdded, kModified, kDeleted };
  Type type = Type::kAdded;
  Revision revision = 0;
  cluster::ObjectRef object;    // after the change; for kDeleted the last object, with the deletion's revision
  cluster::ObjectRef previous;  // before it; nullptr for kAdded. Says whether a selector has just ceased to match
};

// Changes of one resource in their order, called on the loop thread after their commit. The span ends with the call;
// the refs in it may be kept, so that a thousand watchers share one text. It must not call the store's commit or watch.
using Sink = std::function<void(std::span<const Change>)>;

// A running watch; destroying it ends it (also from within its sink).
class Subscription {
 public:
  virtual ~Subscription() = default;
};

struct StoreStats {
  Revision revision = 0;       // latest given out
  Revision compacted = 0;      // history reaches back to here
  std::size_t objects = 0;     // live
  std::size_t live_bytes = 0;  // of their texts
  std::size_t history_changes = 0;
  std::size_t history_bytes = 0;  // texts that only the history keeps
  std::size_t queued = 0;         // transactions that wait for the disk
  std::size_t watchers = 0;
  std::int64_t disk_bytes = 0;  // the files together
};

class Store {
 public:
  virtual ~Store() = default;

  // Committed state; nullptr if there is none.
  virtual cluster::ObjectRef find(const Key& key) const = 0;
  // Latest state: with the writes that wait for the disk; nullptr if there is none or its deletion waits.
  virtual cluster::ObjectRef findLatest(const Key& key) const = 0;
  // kGone if `query.revision` is compacted; kInvalid if it lies in the future.
  virtual Result<ListPage> list(std::string_view resource, const ListQuery& query) const = 0;
  // Storage names that have committed objects, ordered.
  virtual std::vector<std::string> resources() const = 0;

  // Checked against the latest state, staged and given its revisions before this function returns, awaited or not; the
  // Task is ready when it is durable. kConflict, kAlreadyExists or kNotFound when a precondition does not hold;
  // kTooLarge over limits::kObjectBytes; kTooManyRequests over limits::kStoreQueue; kIo when the disk refused: then
  // nothing was changed, and the writes that were queued behind it have failed too.
  virtual loop::Task<Result<CommitResult>> commit(Transaction transaction) = 0;

  // Changes of the resource after `after`: those of the history at once, within this call, then each as it is
  // committed. kGone if the history does not reach back that far; kInvalid if it lies in the future.
  virtual Result<std::unique_ptr<Subscription>> watch(std::string_view resource, Revision after, Sink sink) = 0;
  // All changes of the resource up to here have been handed to its watchers (for bookmarks, and as a list's revision).
  virtual Revision committedRevision(std::string_view resource) const = 0;

  // Small secrets of the coordinator itself (CA key, hashed join tokens, certificate serials): durable like objects,
  // sealed on the disk, never served by the API. Reads give the latest state, so that a token cannot be used twice.
  virtual loop::Task<Result<void>> putPrivate(std::string name, std::string bytes) = 0;
  virtual loop::Task<Result<void>> erasePrivate(std::string name) = 0;
  // nullopt: no such record. kCorrupt: the seal does not open (another key file, or damage).
  virtual Result<std::optional<std::string>> getPrivate(std::string_view name) const = 0;
  virtual std::vector<std::string> listPrivate(std::string_view prefix) const = 0;

  virtual StoreStats stats() const = 0;
};

}  // namespace towpath::store
