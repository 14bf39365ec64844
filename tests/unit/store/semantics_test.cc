// What every Store promises, run against each implementation.
#include <functional>
#include <memory>

#include "store/memory_store.h"
#include "support.h"

using namespace towpath;
using namespace towpath::store;

namespace {

constexpr std::size_t kHistory = 50;

struct World {
  loop::UvLoop loop;
  TemporaryDirectory directory;
  std::unique_ptr<Store> store;

  Result<CommitResult> commit(Transaction transaction) {
    return loop::blockOn(loop, store->commit(std::move(transaction)));
  }
  Revision put(const Key& key, const std::string& content) { return commit(putting(key, content)).value().revision; }
};

void forEachStore(const std::function<void(World&)>& test) {
  SUBCASE("in memory") {
    World world;
    world.store = makeMemoryStore(kHistory);
    test(world);
  }
  SUBCASE("in SQLite") {
    World world;
    world.store =
        openSqliteStore(world.loop, {.directory = world.directory.path() / "db", .history = {.changes = kHistory}})
            .value();
    test(world);
  }
}

std::vector<std::string> namesOf(const ListPage& page) {
  std::vector<std::string> names;
  for (const auto& item : page.items) names.push_back(item->meta().name + "=" + contentOf(item));
  return names;
}

using Names = std::vector<std::string>;

std::string describeChange(const Change& change) {
  const char* type = change.type == Change::Type::kAdded      ? "added "
                     : change.type == Change::Type::kModified ? "modified "
                                                              : "deleted ";
  return type + change.object->meta().name + "=" + contentOf(change.object) + " was " + contentOf(change.previous);
}

Sink collectInto(Names& into) {
  return [&into](std::span<const Change> changes) {
    for (const Change& change : changes) into.push_back(describeChange(change));
  };
}

}  // namespace

TEST_CASE("a committed object is found, with the revision written into it") {
  forEachStore([](World& world) {
    const CommitResult result = world.commit(putting(podKey("a"), "one")).value();
    REQUIRE(result.objects.size() == 1);
    CHECK(result.objects[0]->meta().resource_version == std::to_string(result.revision));
    CHECK(world.store->find(podKey("a")) == result.objects[0]);
    CHECK(result.objects[0]->parse()["metadata"]["resourceVersion"] == Value(std::to_string(result.revision)));
    CHECK(world.store->find(podKey("a", "other")) == nullptr);
    CHECK(world.store->committedRevision("pods") == result.revision);
    CHECK(world.store->resources() == Names{"pods"});
  });
}

TEST_CASE("preconditions are checked against the latest state, before the write is durable") {
  forEachStore([](World& world) {
    auto first = world.store->commit(putting(podKey("a"), "one", Precondition::mustNotExist()));
    auto second = world.store->commit(putting(podKey("a"), "two", Precondition::mustNotExist()));
    const cluster::ObjectRef latest = world.store->findLatest(podKey("a"));
    REQUIRE(latest);
    auto third = world.store->commit(putting(podKey("a"), "three", Precondition::of(*latest)));
    auto fourth = world.store->commit(putting(podKey("a"), "four", Precondition::of(*latest)));
    CHECK(loop::blockOn(world.loop, std::move(first)).has_value());
    CHECK(loop::blockOn(world.loop, std::move(second)).error().kind == ErrorKind::kAlreadyExists);
    CHECK(loop::blockOn(world.loop, std::move(third)).has_value());
    CHECK(loop::blockOn(world.loop, std::move(fourth)).error().kind == ErrorKind::kConflict);
    CHECK(contentOf(world.store->find(podKey("a"))) == "three");
    CHECK(world.commit(putting(podKey("b"), "x", Precondition::mustExist())).error().kind == ErrorKind::kNotFound);
    CHECK(world.commit(erasing(podKey("b"))).error().kind == ErrorKind::kNotFound);
  });
}

TEST_CASE("a transaction happens whole or not at all") {
  forEachStore([](World& world) {
    world.put(podKey("a"), "one");
    Transaction refused;
    refused.put(podKey("b"), objectOf(podKey("b"), "new")).erase(podKey("a"), Precondition::at(999));
    CHECK(world.commit(std::move(refused)).error().kind == ErrorKind::kConflict);
    CHECK(world.store->findLatest(podKey("b")) == nullptr);

    Transaction accepted;
    accepted.put(podKey("b"), objectOf(podKey("b"), "new")).erase(podKey("a"));
    accepted.check(podKey("c"), Precondition::mustNotExist());
    const CommitResult result = world.commit(std::move(accepted)).value();
    CHECK(contentOf(result.objects[1]) == "one");
    CHECK(revisionOf(result.objects[1]) == result.revision);
    CHECK(world.store->find(podKey("a")) == nullptr);
    CHECK(contentOf(world.store->find(podKey("b"))) == "new");

    Transaction twice;
    twice.put(podKey("b"), objectOf(podKey("b"), "x")).erase(podKey("b"));
    CHECK(world.commit(std::move(twice)).error().kind == ErrorKind::kInvalid);
    Transaction misnamed;
    misnamed.put(podKey("c"), objectOf(podKey("d"), "x"));
    CHECK(world.commit(std::move(misnamed)).error().kind == ErrorKind::kInvalid);
  });
}

TEST_CASE("an object over the limit is refused and leaves no trace") {
  forEachStore([](World& world) {
    CHECK(world.commit(putting(podKey("big"), std::string(2u << 20, 'x'))).error().kind == ErrorKind::kTooLarge);
    CHECK(world.store->findLatest(podKey("big")) == nullptr);
  });
}

TEST_CASE("lists are ordered, filtered by namespace and predicate") {
  forEachStore([](World& world) {
    for (const char* name : {"c", "a", "b"}) world.put(podKey(name), name);
    world.put(podKey("a", "zoo"), "other");
    world.put({"nodes", "", "n1"}, "node");
    CHECK(namesOf(world.store->list("pods", {}).value()) == Names{"a=a", "b=b", "c=c", "a=other"});
    CHECK(namesOf(world.store->list("pods", {.ns = "zoo"}).value()) == Names{"a=other"});
    CHECK(namesOf(world.store->list("nodes", {}).value()) == Names{"n1=node"});
    CHECK(namesOf(world.store->list("services", {}).value()).empty());
    const auto filter = [](const cluster::StoredObject& object) { return object.meta().name == "a"; };
    CHECK(namesOf(world.store->list("pods", {.filter = filter}).value()) == Names{"a=a", "a=other"});
  });
}

TEST_CASE("the pages of a list show one state, whatever is written in between") {
  forEachStore([](World& world) {
    for (const char* name : {"a", "b", "c", "d", "e"}) world.put(podKey(name), "old");
    const ListPage first = world.store->list("pods", {.limit = 2}).value();
    CHECK(namesOf(first) == Names{"a=old", "b=old"});
    CHECK(first.remaining == 3);
    REQUIRE(first.continue_after);

    world.put(podKey("d"), "new");
    world.put(podKey("bb"), "new");
    (void)world.commit(erasing(podKey("e"))).value();
    (void)world.commit(erasing(podKey("c"))).value();
    world.put(podKey("c"), "again");

    const ListPage second =
        world.store->list("pods", {.limit = 2, .start_after = first.continue_after, .revision = first.revision})
            .value();
    CHECK(namesOf(second) == Names{"c=old", "d=old"});
    CHECK(second.revision == first.revision);
    const ListPage third =
        world.store->list("pods", {.limit = 2, .start_after = second.continue_after, .revision = first.revision})
            .value();
    CHECK(namesOf(third) == Names{"e=old"});
    CHECK_FALSE(third.continue_after);
    CHECK(namesOf(world.store->list("pods", {}).value()) == Names{"a=old", "b=old", "bb=new", "c=again", "d=new"});

    for (std::size_t i = 0; i <= kHistory; ++i) world.put(podKey("a"), std::to_string(i));
    CHECK(world.store->list("pods", {.revision = first.revision}).error().kind == ErrorKind::kGone);
    CHECK(world.store->list("pods", {.revision = 1000000}).error().kind == ErrorKind::kInvalid);
  });
}

TEST_CASE("a watch sees each change once, from where it asks") {
  forEachStore([](World& world) {
    world.put(podKey("a"), "one");
    const Revision from = world.store->committedRevision("pods");
    world.put(podKey("a"), "two");
    world.put({"services", "default", "s"}, "another resource");
    Names seen;
    auto subscription = world.store->watch("pods", from, collectInto(seen)).value();
    CHECK(seen == Names{"modified a=two was one"});
    (void)world.commit(erasing(podKey("a"))).value();
    world.put(podKey("b"), "b");
    CHECK(seen == Names{"modified a=two was one", "deleted a=two was two", "added b=b was (none)"});
    subscription.reset();
    world.put(podKey("b"), "unseen");
    CHECK(seen.size() == 3);
    CHECK(world.store->watch("pods", 1000000, collectInto(seen)).error().kind == ErrorKind::kInvalid);
  });
}

TEST_CASE("a watch from before the history is gone") {
  forEachStore([](World& world) {
    const Revision before = world.put(podKey("a"), "x");
    for (std::size_t i = 0; i < kHistory; ++i) world.put(podKey("a"), std::to_string(i));
    Names seen;
    CHECK(world.store->watch("pods", before, collectInto(seen)).has_value());
    CHECK(seen.size() == kHistory);
    for (int i = 0; i < 3; ++i) world.put(podKey("a"), "y");
    CHECK(world.store->watch("pods", before, collectInto(seen)).error().kind == ErrorKind::kGone);
    CHECK(world.store->stats().history_changes <= kHistory + 1);
  });
}

TEST_CASE("a thousand watchers share one text, and one may end another meanwhile") {
  forEachStore([](World& world) {
    std::vector<cluster::ObjectRef> seen;
    std::vector<std::unique_ptr<Subscription>> watchers(1000);
    for (std::size_t i = 0; i < watchers.size(); ++i) {
      watchers[i] = world.store
                        ->watch("pods", 1,
                                [&, i](std::span<const Change> changes) {
                                  for (const Change& change : changes) seen.push_back(change.object);
                                  if (i == 0) watchers[1].reset();
                                  if (i == 2) watchers[2].reset();
                                })
                        .value();
    }
    world.put(podKey("a"), "one");
    CHECK(seen.size() == 999);
    for (const auto& object : seen) CHECK(object == world.store->find(podKey("a")));
    world.put(podKey("a"), "two");
    CHECK(seen.size() == 999 + 998);
    CHECK(world.store->stats().watchers == 998);
  });
}

TEST_CASE("private records are read as last written, at once") {
  forEachStore([](World& world) {
    auto put = world.store->putPrivate("token/1", "secret");
    CHECK(world.store->getPrivate("token/1").value() == "secret");
    CHECK(loop::blockOn(world.loop, std::move(put)).has_value());
    CHECK(loop::blockOn(world.loop, world.store->putPrivate("ca", std::string("\0\1", 2))).has_value());
    CHECK(world.store->listPrivate("token/") == Names{"token/1"});
    CHECK(world.store->listPrivate("") == Names{"ca", "token/1"});
    auto erase = world.store->erasePrivate("token/1");
    CHECK_FALSE(world.store->getPrivate("token/1").value());
    CHECK(world.store->listPrivate("") == Names{"ca"});
    CHECK(loop::blockOn(world.loop, std::move(erase)).has_value());
    CHECK(world.store->getPrivate("ca").value() == std::string("\0\1", 2));
  });
}
