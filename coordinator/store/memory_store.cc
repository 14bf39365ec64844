#include "store/memory_store.h"

#include "store/object_table.h"

namespace towpath::store {
namespace {

constexpr Duration kForever = std::chrono::hours(24 * 365 * 100);

template <class T>
loop::Task<T> ready(T value) {
  co_return value;
}

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::size_t history_changes)
      : table_(counter_, {.changes = history_changes, .bytes = SIZE_MAX, .age = kForever}) {}

  cluster::ObjectRef find(const Key& key) const override { return table_.find(key); }
  cluster::ObjectRef findLatest(const Key& key) const override { return table_.findLatest(key); }
  Result<ListPage> list(std::string_view resource, const ListQuery& query) const override {
    return table_.list(resource, query);
  }
  std::vector<std::string> resources() const override { return table_.resources(); }

  loop::Task<Result<CommitResult>> commit(Transaction transaction) override {
    Result<Staged> staged = table_.stage(std::move(transaction));
    if (!staged) return ready(Result<CommitResult>(std::unexpected(staged.error())));
    CommitResult result{.revision = counter_};
    for (const StagedChange& change : staged->changes) result.objects.push_back(change.change.object);
    apply(*staged);
    return ready(Result<CommitResult>(std::move(result)));
  }

  Result<std::unique_ptr<Subscription>> watch(std::string_view resource, Revision after, Sink sink) override {
    return table_.watch(resource, after, std::move(sink));
  }
  Revision committedRevision(std::string_view) const override { return table_.committed(); }

  loop::Task<Result<void>> putPrivate(std::string name, std::string bytes) override {
    apply({.privates = {table_.stagePrivate(std::move(name), std::move(bytes))}});
    return ready(Result<void>());
  }
  loop::Task<Result<void>> erasePrivate(std::string name) override {
    apply({.privates = {table_.stagePrivate(std::move(name), std::nullopt)}});
    return ready(Result<void>());
  }
  Result<std::optional<std::string>> getPrivate(std::string_view name) const override {
    const std::string* bytes = table_.findPrivate(name);
    return bytes ? std::optional(*bytes) : std::nullopt;
  }
  std::vector<std::string> listPrivate(std::string_view prefix) const override { return table_.listPrivate(prefix); }

  StoreStats stats() const override {
    StoreStats stats{.revision = counter_};
    table_.addStats(stats);
    return stats;
  }

 private:
  void apply(const Staged& staged) {
    table_.apply(staged, MonoTime());
    table_.compact(MonoTime(), SIZE_MAX);
    table_.notify();
  }

  Revision counter_ = 1;
  ObjectTable table_;
};

}  // namespace

std::unique_ptr<Store> makeMemoryStore(std::size_t history_changes) {
  return std::make_unique<MemoryStore>(history_changes);
}

}  // namespace towpath::store
