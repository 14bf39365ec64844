#include "store/object_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/limits.h"

namespace towpath::store {
namespace {

std::string pathOf(const Key& key) { return key.ns + "/" + key.name; }

std::string describeKey(const Key& key) {
  return key.ns.empty() ? fmt::format("{} \"{}\"", key.resource, key.name)
                        : fmt::format("{} \"{}/{}\"", key.resource, key.ns, key.name);
}

Revision revisionOf(const cluster::StoredObject& object) { return Precondition::of(object).revision; }

cluster::ObjectRef withRevision(Value object, Revision revision) {
  object.mutableAt({"metadata", "resourceVersion"}) = Value(std::to_string(revision));
  return cluster::makeObjectRef(object);
}

}  // namespace

class ObjectTable::Watcher final : public Subscription {
 public:
  Watcher(ObjectTable& table, ResourceState& state, Revision after, Sink sink)
      : table_(table), state_(state), after_(after), sink_(std::move(sink)) {}
  ~Watcher() override { table_.end(*this); }

  ResourceState& state() const { return state_; }
  void call(std::span<const Change> changes) {
    // `after` may lie ahead of this resource when the client took it from another one.
    while (!changes.empty() && changes.front().revision <= after_) changes = changes.subspan(1);
    if (!changes.empty()) sink_(changes);
  }

 private:
  ObjectTable& table_;
  ResourceState& state_;
  Revision after_;
  Sink sink_;
};

ObjectTable::ObjectTable(Revision& counter, HistoryLimits limits) : counter_(counter), limits_(limits) {}

ObjectTable::~ObjectTable() { TOWPATH_ASSERT(watcher_count_ == 0, "watchers hold a reference to the store"); }

void ObjectTable::setCompacted(Revision compacted) { compacted_ = compacted; }

void ObjectTable::load(const Key& key, Revision revision, LoadedRow row, cluster::ObjectRef object,
                       std::vector<Revision>& superfluous, MonoTime now) {
  ResourceState& state = states_[key.resource];
  Change change{.revision = revision, .object = std::move(object)};
  if (auto found = state.objects.find(pathOf(key)); found != state.objects.end()) change.previous = found->second;
  change.type = row == LoadedRow::kDeletion ? Change::Type::kDeleted
                : change.previous           ? Change::Type::kModified
                                            : Change::Type::kAdded;
  setObject(state, key, change);
  if (revision > compacted_) {
    remember(state, std::move(change), now);
    return;
  }
  if (change.previous) superfluous.push_back(revisionOf(*change.previous));
  if (row == LoadedRow::kDeletion) superfluous.push_back(revision);
}

Result<void> ObjectTable::checkPrecondition(const Key& key, const Precondition& precondition) const {
  if (precondition.kind == Precondition::Kind::kNone) return {};
  const cluster::ObjectRef latest = findLatest(key);
  if (precondition.kind == Precondition::Kind::kMustNotExist) {
    if (latest) return fail(ErrorKind::kAlreadyExists, describeKey(key) + " already exists");
    return {};
  }
  if (!latest) return fail(ErrorKind::kNotFound, describeKey(key) + " not found");
  if (precondition.kind == Precondition::Kind::kRevision && revisionOf(*latest) != precondition.revision) {
    return fail(ErrorKind::kConflict,
                fmt::format("{} has been modified: it is at resourceVersion {}, not {}; read it again and retry",
                            describeKey(key), latest->meta().resource_version, precondition.revision));
  }
  return {};
}

Result<void> ObjectTable::checkOperations(const Transaction& transaction) const {
  for (const auto& [key, precondition] : transaction.checks()) {
    if (auto held = checkPrecondition(key, precondition); !held) return held;
  }
  std::vector<const Key*> keys;
  for (const Transaction::Operation& operation : transaction.operations()) {
    if (auto held = checkPrecondition(operation.key, operation.precondition); !held) return held;
    if (operation.object) {
      const Value& object = *operation.object;
      if (cluster::nameOf(object) != operation.key.name || cluster::namespaceOf(object) != operation.key.ns) {
        return fail(ErrorKind::kInvalid,
                    "the object's name or namespace is not that of its key " + describeKey(operation.key),
                    "metadata.name");
      }
    } else if (!findLatest(operation.key)) {
      return fail(ErrorKind::kNotFound, describeKey(operation.key) + " not found");
    }
    keys.push_back(&operation.key);
  }
  std::ranges::sort(keys, {}, [](const Key* key) -> const Key& { return *key; });
  const auto twice = std::ranges::adjacent_find(keys, [](const Key* a, const Key* b) { return *a == *b; });
  if (twice != keys.end()) return fail(ErrorKind::kInvalid, describeKey(**twice) + " occurs twice in one transaction");
  return {};
}

Result<StagedChange> ObjectTable::prepare(Transaction::Operation operation, Revision revision) const {
  StagedChange staged{.key = std::move(operation.key), .change = {.revision = revision}};
  Change& change = staged.change;
  change.previous = findLatest(staged.key);
  if (!operation.object) {
    change.type = Change::Type::kDeleted;
    change.object = withRevision(change.previous->parse(), revision);
    return staged;
  }
  change.type = change.previous ? Change::Type::kModified : Change::Type::kAdded;
  change.object = withRevision(std::move(*operation.object), revision);
  if (change.object->json().size() > limits::kObjectBytes) {
    return fail(ErrorKind::kTooLarge, fmt::format("{} has {} bytes; the limit is {}", describeKey(staged.key),
                                                  change.object->json().size(), limits::kObjectBytes));
  }
  return staged;
}

Result<Staged> ObjectTable::stage(Transaction transaction) {
  if (auto held = checkOperations(transaction); !held) return std::unexpected(held.error());
  Staged staged;
  Revision revision = counter_;
  for (Transaction::Operation& operation : std::move(transaction).takeOperations()) {
    Result<StagedChange> change = prepare(std::move(operation), ++revision);
    if (!change) return std::unexpected(change.error());
    staged.changes.push_back(std::move(*change));
  }
  counter_ = revision;
  for (const StagedChange& change : staged.changes) pending_[change.key] = change.change;
  return staged;
}

PrivateChange ObjectTable::stagePrivate(std::string name, std::optional<std::string> bytes) {
  PendingPrivate& pending = pending_privates_[name];
  pending.bytes = bytes;
  ++pending.staged;
  return {std::move(name), std::move(bytes)};
}

void ObjectTable::setObject(ResourceState& state, const Key& key, const Change& change) {
  if (change.previous) live_bytes_ -= change.previous->json().size();
  if (change.type == Change::Type::kDeleted) {
    object_count_ -= state.objects.erase(pathOf(key));
    return;
  }
  live_bytes_ += change.object->json().size();
  if (state.objects.insert_or_assign(pathOf(key), change.object).second) ++object_count_;
}

void ObjectTable::remember(ResourceState& state, Change change, MonoTime now) {
  if (change.previous) history_bytes_ += change.previous->json().size();
  if (change.type == Change::Type::kDeleted) history_bytes_ += change.object->json().size();
  state.history.push_back(std::move(change));
  history_.push_back({&state, now});
}

void ObjectTable::applyChange(const StagedChange& staged, MonoTime now) {
  ResourceState& state = states_[staged.key.resource];
  setObject(state, staged.key, staged.change);
  if (auto pending = pending_.find(staged.key);
      pending != pending_.end() && pending->second.revision == staged.change.revision) {
    pending_.erase(pending);
  }
  committed_ = staged.change.revision;
  if (state.unnotified.empty()) to_notify_.push_back(&state);
  state.unnotified.push_back(staged.change);
  remember(state, staged.change, now);
}

void ObjectTable::apply(const Staged& staged, MonoTime now) {
  for (const StagedChange& change : staged.changes) applyChange(change, now);
  for (const PrivateChange& change : staged.privates) {
    if (change.bytes) {
      privates_[change.name] = *change.bytes;
    } else {
      privates_.erase(change.name);
    }
    auto pending = pending_privates_.find(change.name);
    if (pending != pending_privates_.end() && --pending->second.staged == 0) pending_privates_.erase(pending);
  }
}

void ObjectTable::notify() {
  for (ResourceState* state : std::exchange(to_notify_, {})) notify(*state);
}

void ObjectTable::notify(ResourceState& state) {
  const std::vector<Change> changes = std::exchange(state.unnotified, {});
  TOWPATH_ASSERT(!notifying_, "a sink neither commits nor watches");
  notifying_ = true;
  // By index: a sink may end any watcher, which leaves a null in its place.
  for (std::size_t i = 0; i < state.watchers.size(); ++i) {
    if (state.watchers[i]) state.watchers[i]->call(changes);
  }
  notifying_ = false;
  std::erase(state.watchers, nullptr);
}

void ObjectTable::dropStaged() {
  pending_.clear();
  pending_privates_.clear();
}

bool ObjectTable::overLimits(MonoTime now) const {
  if (history_.empty()) return false;
  const std::size_t bytes_max = std::min(std::max(live_bytes_, kHistoryBytesLeast), limits_.bytes);
  return history_.size() > limits_.changes || history_bytes_ > bytes_max || now - history_.front().at > limits_.age;
}

void ObjectTable::forgetOldest(Compaction& into) {
  ResourceState& state = *history_.front().resource;
  const Change& oldest = state.history.front();
  if (oldest.previous) {
    into.rows.push_back(revisionOf(*oldest.previous));
    history_bytes_ -= oldest.previous->json().size();
  }
  if (oldest.type == Change::Type::kDeleted) {
    into.rows.push_back(oldest.revision);
    history_bytes_ -= oldest.object->json().size();
  }
  compacted_ = oldest.revision;
  state.history.pop_front();
  history_.pop_front();
}

Compaction ObjectTable::compact(MonoTime now, std::size_t rows_max) {
  Compaction compaction;
  while (overLimits(now) && compaction.rows.size() < rows_max) forgetOldest(compaction);
  compaction.compacted = compacted_;
  return compaction;
}

cluster::ObjectRef ObjectTable::find(const Key& key) const {
  const auto state = states_.find(key.resource);
  if (state == states_.end()) return nullptr;
  const auto found = state->second.objects.find(pathOf(key));
  return found == state->second.objects.end() ? nullptr : found->second;
}

cluster::ObjectRef ObjectTable::findLatest(const Key& key) const {
  const auto pending = pending_.find(key);
  if (pending == pending_.end()) return find(key);
  return pending->second.type == Change::Type::kDeleted ? nullptr : pending->second.object;
}

std::vector<std::string> ObjectTable::resources() const {
  std::vector<std::string> names;
  for (const auto& [name, state] : states_) {
    if (!state.objects.empty()) names.push_back(name);
  }
  return names;
}

Result<std::unique_ptr<Subscription>> ObjectTable::watch(std::string_view resource, Revision after, Sink sink) {
  TOWPATH_ASSERT(!notifying_, "a sink neither commits nor watches");
  if (after > counter_) {
    return fail(ErrorKind::kInvalid,
                fmt::format("resourceVersion {} lies in the future; the newest is {}", after, counter_));
  }
  if (after < compacted_) {
    return fail(ErrorKind::kGone,
                fmt::format("resourceVersion {} is too old: the history begins at {}; list again", after, compacted_));
  }
  ResourceState& state = states_[std::string(resource)];
  const auto first = std::ranges::upper_bound(state.history, after, {}, &Change::revision);
  const std::vector<Change> missed(first, state.history.end());
  auto watcher = std::make_unique<Watcher>(*this, state, after, std::move(sink));
  state.watchers.push_back(watcher.get());
  ++watcher_count_;
  notifying_ = true;
  watcher->call(missed);
  notifying_ = false;
  return watcher;
}

void ObjectTable::end(Watcher& watcher) {
  auto& watchers = watcher.state().watchers;
  *std::ranges::find(watchers, &watcher) = nullptr;
  if (!notifying_) std::erase(watchers, nullptr);
  --watcher_count_;
}

const std::string* ObjectTable::findPrivate(std::string_view name) const {
  if (auto pending = pending_privates_.find(name); pending != pending_privates_.end()) {
    return pending->second.bytes ? &*pending->second.bytes : nullptr;
  }
  const auto found = privates_.find(name);
  return found == privates_.end() ? nullptr : &found->second;
}

std::vector<std::string> ObjectTable::listPrivate(std::string_view prefix) const {
  std::vector<std::string> names;
  for (auto at = privates_.lower_bound(prefix); at != privates_.end() && at->first.starts_with(prefix); ++at) {
    if (findPrivate(at->first)) names.push_back(at->first);
  }
  for (const auto& [name, pending] : pending_privates_) {
    if (name.starts_with(prefix) && pending.bytes && !privates_.contains(name)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

void ObjectTable::addStats(StoreStats& stats) const {
  stats.compacted = std::max(stats.compacted, compacted_);
  stats.objects += object_count_;
  stats.live_bytes += live_bytes_;
  stats.history_changes += history_.size();
  stats.history_bytes += history_bytes_;
  stats.watchers += watcher_count_;
}

}  // namespace towpath::store
