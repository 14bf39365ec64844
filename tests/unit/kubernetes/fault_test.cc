// A cache over HTTP that goes wrong in every way: it never misses a change, and what is made is made once.

#include <set>

#include "harness.h"

using namespace towpath;
using namespace towpath::kubernetes;
using cluster::kConfigMaps;

namespace {

// What a listener was told, as a state: must always equal the cache's own.
struct Followed {
  explicit Followed(cluster::Cache& cache)
      : listener(cache.listen([this](const cluster::CacheChange& change) {
          if (!change.before) CHECK(!state.contains(change.key()));
          if (change.before) CHECK(state[change.key()] == change.before->meta().resource_version);
          if (change.after)
            state[change.key()] = change.after->meta().resource_version;
          else
            state.erase(change.key());
        })) {}
  std::map<cluster::ObjectKey, std::string> state;
  cluster::Cache::Listener listener;
};

// Changes objects past HTTP, at random.
void churn(Harness& harness, std::mt19937_64& random) {
  const std::string name = fmt::format("m{}", random() % 12);
  switch (random() % 3) {
    case 0:
      (void)harness.run(harness.server.inside.create(kConfigMaps, configMap(name)));
      break;
    case 1:
      (void)harness.run(harness.server.inside.patch(kConfigMaps, "default", name, cluster::PatchType::kMerge,
                                                    yaml(fmt::format("data: {{n: '{}'}}", random() % 1000))));
      break;
    default:
      (void)harness.run(harness.server.inside.remove(kConfigMaps, "default", name));
  }
}

std::map<cluster::ObjectKey, std::string> truth(Harness& harness) {
  std::map<cluster::ObjectKey, std::string> state;
  const auto listed = harness.run(harness.server.inside.list(kConfigMaps, {.ns = "default"}));
  for (const auto& item : listed->items) state[{item->meta().ns, item->meta().name}] = item->meta().resource_version;
  return state;
}

// What a controller does: makes what is not there, and looks again when it is not sure.
loop::Task<void> makeOnce(KubeApi& api, loop::Loop& loop, std::string name, std::set<std::string>& uids) {
  for (;;) {
    auto made = co_await api.create(kConfigMaps, configMap(name));
    if (!made && made.error().kind == ErrorKind::kAlreadyExists) made = co_await api.get(kConfigMaps, "default", name);
    if (made) {
      uids.insert((*made)->meta().uid);
      co_return;
    }
    co_await loop::sleep(loop, 100ms);
  }
}

}  // namespace

TEST_CASE("a cache over broken HTTP ends with the truth, and its listeners heard of each difference") {
  std::uint64_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    CAPTURE(seed);
    // A short history, so that real 410s come on top of the injected ones.
    Harness harness(6, {.rate = {.per_second = 0}}, seed);
    std::mt19937_64 random(seed);
    harness.transport.plan = testing::randomFaults(seed, {.watches = 0.95, .reads = 0.4, .writes = 0});
    cluster::Cache cache(harness.loop, harness.api, kConfigMaps, {.ns = "default", .page_size = 4});
    Followed followed(cache);
    cache.start();
    for (int i = 0; i < 300; ++i) {
      churn(harness, random);
      harness.loop.advance(std::chrono::milliseconds(random() % 400));
      if (random() % 30 == 0) harness.server.http.cutAll();
    }
    faults += harness.transport.faults;
    harness.transport.plan = {};
    harness.loop.advance(1min);
    CHECK(cache.synced());
    const auto wanted = truth(harness);
    CHECK(followed.state == wanted);
    CHECK(cache.size() == wanted.size());
  }
  CHECK(faults > 300);
}

TEST_CASE("what is made over broken HTTP is made once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Harness harness(1000, {.rate = {.per_second = 0}}, seed);
    harness.transport.plan = testing::randomFaults(seed, {.watches = 0, .reads = 0.4, .writes = 0.6});
    std::vector<std::set<std::string>> uids(20);
    std::uint64_t created = 0;
    const auto before = truth(harness).size();
    {
      loop::Scope scope(harness.loop, "makers");
      for (std::size_t i = 0; i < uids.size(); ++i) {
        scope.spawn(makeOnce(harness.api, harness.loop, fmt::format("o{}", i), uids[i]));
      }
      for (int i = 0; i < 600 && scope.count() > 0; ++i) harness.loop.advance(1s);
      CHECK(scope.count() == 0);
    }
    for (const auto& of_one : uids) created += of_one.size();
    CHECK(created == uids.size());
    CHECK(truth(harness).size() == before + uids.size());
  }
}

TEST_CASE("an optional resource that the server does not know is empty, and noticed when it appears") {
  Harness harness;
  const cluster::Resource widgets{"example.com", "v1", "widgets", "Widget"};
  cluster::Cache strict(harness.loop, harness.api, widgets);
  cluster::Cache cache(harness.loop, harness.api, widgets, {.unserved = cluster::Unserved::kEmpty});
  strict.start();
  cache.start();
  harness.loop.advance(10s);
  CHECK(cache.synced());
  CHECK(!strict.synced());
  harness.make(yaml(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, singular: widget, kind: Widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
)"),
               cluster::kCustomResourceDefinitions);
  harness.make(yaml("{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: default}}"), widgets);
  harness.loop.advance(1min);
  CHECK(cache.find("default", "w"));
  CHECK(strict.find("default", "w"));
}
