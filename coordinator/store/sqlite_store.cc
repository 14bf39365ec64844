#include "store/sqlite_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "loop/loop.h"
#include "store/sealer.h"
#include "store/shelf.h"

namespace towpath::store {
namespace {

// A power cut may take the weak file's last revisions, which were seen by watchers; they are not given out a second
// time.
constexpr Revision kGapAtStart = 10000;

template <class T>
loop::Task<T> ready(T value) {
  co_return value;
}

loop::Task<Result<CommitResult>> finishCommit(std::shared_ptr<Completion> completion, CommitResult result) {
  co_await completion->done.wait();
  if (!completion->result) co_return std::unexpected(completion->result.error());
  co_return result;
}

loop::Task<Result<void>> finishPrivate(std::shared_ptr<Completion> completion) {
  co_await completion->done.wait();
  co_return completion->result;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(loop::Loop& loop, SqliteOptions options) : loop_(loop), options_(std::move(options)) {}

  Result<void> open();

  cluster::ObjectRef find(const Key& key) const override { return shelfOf(key.resource).table().find(key); }
  cluster::ObjectRef findLatest(const Key& key) const override { return shelfOf(key.resource).table().findLatest(key); }
  Result<ListPage> list(std::string_view resource, const ListQuery& query) const override {
    return shelfOf(resource).table().list(resource, query);
  }
  std::vector<std::string> resources() const override;

  loop::Task<Result<CommitResult>> commit(Transaction transaction) override;
  Result<std::unique_ptr<Subscription>> watch(std::string_view resource, Revision after, Sink sink) override {
    return shelfOf(resource).table().watch(resource, after, std::move(sink));
  }
  Revision committedRevision(std::string_view resource) const override { return shelfOf(resource).table().committed(); }

  loop::Task<Result<void>> putPrivate(std::string name, std::string bytes) override;
  loop::Task<Result<void>> erasePrivate(std::string name) override;
  Result<std::optional<std::string>> getPrivate(std::string_view name) const override;
  std::vector<std::string> listPrivate(std::string_view prefix) const override {
    return strong_->table().listPrivate(prefix);
  }
  StoreStats stats() const override;

 private:
  Result<std::unique_ptr<Shelf>> openShelf(const char* name, Durability durability);
  bool isWeak(std::string_view resource) const {
    return std::ranges::find(options_.weak_resources, resource) != options_.weak_resources.end();
  }
  Shelf& shelfOf(std::string_view resource) const { return weak_ && isWeak(resource) ? *weak_ : *strong_; }
  Result<Shelf*> shelfOf(const Transaction& transaction) const;
  loop::Task<Result<void>> submitPrivate(std::string name, std::optional<std::string> sealed);

  loop::Loop& loop_;
  SqliteOptions options_;
  Revision counter_ = 1;
  std::optional<Sealer> sealer_;
  std::unique_ptr<Shelf> strong_;
  std::unique_ptr<Shelf> weak_;  // null if no resource is weak
};

Result<std::unique_ptr<Shelf>> SqliteStore::openShelf(const char* name, Durability durability) {
  return Shelf::open(loop_, counter_, options_.history,
                     {.path = options_.directory / name,
                      .durability = durability,
                      .schema_steps = {},
                      .wal_bytes_max = options_.wal_bytes_max});
}

Result<void> SqliteStore::open() {
  if (auto made = makeDirectories(options_.directory.string(), 0700); !made) return made;
  if (::chmod(options_.directory.c_str(), 0700) != 0) {
    return std::unexpected(lastOsError("cannot set the mode of " + options_.directory.string()));
  }
  Result<std::unique_ptr<Shelf>> strong = openShelf("objects.db", Durability::kFull);
  if (!strong) return std::unexpected(strong.error());
  strong_ = std::move(*strong);
  if (!options_.weak_resources.empty()) {
    Result<std::unique_ptr<Shelf>> weak = openShelf("events.db", Durability::kWeak);
    if (!weak) return std::unexpected(weak.error());
    weak_ = std::move(*weak);
    if (counter_ > 1) counter_ += kGapAtStart;
  }
  const bool has_records = !strong_->table().listPrivate("").empty();
  Result<Sealer> sealer = Sealer::open(options_.directory / "private.key",
                                       has_records ? Sealer::MissingKey::kRefuse : Sealer::MissingKey::kMake);
  if (!sealer) return std::unexpected(sealer.error());
  sealer_ = std::move(*sealer);
  return {};
}

std::vector<std::string> SqliteStore::resources() const {
  std::vector<std::string> names = strong_->table().resources();
  if (weak_) {
    const std::vector<std::string> more = weak_->table().resources();
    names.insert(names.end(), more.begin(), more.end());
    std::ranges::sort(names);
  }
  return names;
}

Result<Shelf*> SqliteStore::shelfOf(const Transaction& transaction) const {
  std::vector<std::string_view> resources;
  for (const auto& operation : transaction.operations()) resources.push_back(operation.key.resource);
  for (const auto& [key, precondition] : transaction.checks()) resources.push_back(key.resource);
  Shelf* shelf = nullptr;
  for (const std::string_view resource : resources) {
    Shelf& own = shelfOf(resource);
    if (shelf && shelf != &own) {
      return fail(ErrorKind::kInvalid,
                  fmt::format("one transaction cannot concern {} together with resources of another "
                              "durability",
                              resource));
    }
    shelf = &own;
  }
  return shelf ? shelf : strong_.get();
}

loop::Task<Result<CommitResult>> SqliteStore::commit(Transaction transaction) {
  const auto refuse = [](const Error& error) { return ready(Result<CommitResult>(std::unexpected(error))); };
  const Result<Shelf*> shelf = shelfOf(transaction);
  if (!shelf) return refuse(shelf.error());
  if (auto room = (*shelf)->checkRoom(); !room) return refuse(room.error());
  Result<Staged> staged = (*shelf)->table().stage(std::move(transaction));
  if (!staged) return refuse(staged.error());
  CommitResult result{.revision = counter_};
  for (const StagedChange& change : staged->changes) result.objects.push_back(change.change.object);
  return finishCommit((*shelf)->submit(std::move(*staged)), std::move(result));
}

loop::Task<Result<void>> SqliteStore::submitPrivate(std::string name, std::optional<std::string> sealed) {
  if (auto room = strong_->checkRoom(); !room) return ready(room);
  Staged staged;
  staged.privates.push_back(strong_->table().stagePrivate(std::move(name), std::move(sealed)));
  return finishPrivate(strong_->submit(std::move(staged)));
}

loop::Task<Result<void>> SqliteStore::putPrivate(std::string name, std::string bytes) {
  std::string sealed = sealer_->seal(name, bytes);
  return submitPrivate(std::move(name), std::move(sealed));
}

loop::Task<Result<void>> SqliteStore::erasePrivate(std::string name) {
  return submitPrivate(std::move(name), std::nullopt);
}

Result<std::optional<std::string>> SqliteStore::getPrivate(std::string_view name) const {
  const std::string* sealed = strong_->table().findPrivate(name);
  if (!sealed) return std::nullopt;
  Result<std::string> opened = sealer_->unseal(name, *sealed);
  if (!opened) return std::unexpected(opened.error());
  return std::move(*opened);
}

StoreStats SqliteStore::stats() const {
  StoreStats stats{.revision = counter_};
  strong_->addStats(stats);
  if (weak_) weak_->addStats(stats);
  return stats;
}

}  // namespace

Result<std::unique_ptr<Store>> openSqliteStore(loop::Loop& loop, SqliteOptions options) {
  auto store = std::make_unique<SqliteStore>(loop, std::move(options));
  if (auto opened = store->open(); !opened) return std::unexpected(opened.error());
  return store;
}

}  // namespace towpath::store
