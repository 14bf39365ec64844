#include "edge/collector.h"

#include <algorithm>

#include "base/log.h"

namespace towpath::edge {
namespace {

constexpr const char* kFinalizer = "foregroundDeletion";
constexpr Duration kFollowInterval = 2s;  // how late a resource that had no object before is noticed

cluster::ObjectKey queueKey(const store::Key& key) { return {key.resource, key.ns + "/" + key.name}; }

store::Key storeKey(const cluster::ObjectKey& key) {
  const auto slash = key.name.find('/');
  return {key.ns, key.name.substr(0, slash), key.name.substr(slash + 1)};
}

bool hasFinalizer(const Value& object, std::string_view finalizer) {
  return std::ranges::any_of(object["metadata"]["finalizers"].asArray(),
                             [&](const Value& one) { return one.asStringView() == finalizer; });
}

bool blocks(const Value& dependent, const std::string& owner_uid) {
  return std::ranges::any_of(dependent["metadata"]["ownerReferences"].asArray(), [&](const Value& owner) {
    return owner["uid"].asStringView() == owner_uid && owner["blockOwnerDeletion"].asBool();
  });
}

}  // namespace

Collector::Collector(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api)
    : loop_(loop),
      store_(store),
      api_(api),
      controller_(loop, {.name = "garbage collector"},
                  [this](const cluster::ObjectKey& key) { return pass(storeKey(key)); }),
      ownership_(store, {"events"}, {.look_at = [this](const store::Key& key) { lookAt(key); }}),
      scope_(loop, "garbage collector") {}

void Collector::start() {
  scope_.spawn(followResources());
  controller_.start();
}

loop::Task<void> Collector::followResources() {
  while (true) {
    if (const auto followed = ownership_.followNew(); !followed) {
      log::error("the garbage collector cannot follow the store", {{"error", describe(followed.error())}});
    }
    co_await loop::sleep(loop_, kFollowInterval);
  }
}

// Nearly all changes concern objects that nothing is to be done about: those need no pass.
void Collector::lookAt(const store::Key& key) {
  const cluster::ObjectRef object = store_.find(key);
  if (!object) return;
  const cluster::ObjectMeta& meta = object->meta();
  const auto gone = [&](const cluster::OwnerRef& owner) { return !ownership_.exists(owner.uid); };
  if (meta.deleting || std::ranges::any_of(meta.owners, gone)) controller_.queue().add(queueKey(key));
}

std::vector<store::Key> Collector::blockingDependents(const std::string& uid) const {
  std::vector<store::Key> blocking;
  for (const store::Key& key : ownership_.dependentsOf(uid)) {
    const cluster::ObjectRef dependent = store_.find(key);
    if (dependent && blocks(dependent->parse(), uid)) blocking.push_back(key);
  }
  return blocking;
}

Verdict Collector::judge(const cluster::StoredObject& object, const Value& tree) const {
  const cluster::ObjectMeta& meta = object.meta();
  if (meta.deleting && hasFinalizer(tree, kFinalizer)) {
    return blockingDependents(meta.uid).empty() ? Verdict::kFinish : Verdict::kDeleteDependents;
  }
  if (meta.deleting || meta.owners.empty()) return Verdict::kKeep;
  const bool alone =
      std::ranges::none_of(meta.owners, [&](const cluster::OwnerRef& owner) { return ownership_.exists(owner.uid); });
  return alone ? Verdict::kDelete : Verdict::kKeep;
}

loop::Task<Result<cluster::PassEnd>> Collector::pass(store::Key key) {
  // An owner may be of a resource that has only just got its first object.
  if (auto followed = ownership_.followNew(); !followed) co_return std::unexpected(followed.error());
  const cluster::ObjectRef object = store_.find(key);
  if (!object) co_return cluster::PassEnd{};
  Value tree = object->parse();
  Result<void> done;
  switch (judge(*object, tree)) {
    case Verdict::kKeep:
      break;
    case Verdict::kDelete:
      done = co_await remove(key, object, cluster::Propagation::kBackground);
      break;
    case Verdict::kDeleteDependents:
      for (const store::Key& dependent : blockingDependents(object->meta().uid)) {
        const cluster::ObjectRef each = store_.find(dependent);
        if (!each || each->meta().deleting) continue;
        const bool has_own = !blockingDependents(each->meta().uid).empty();
        done = co_await remove(dependent, each,
                               has_own ? cluster::Propagation::kForeground : cluster::Propagation::kBackground);
        if (!done) break;
      }
      break;
    case Verdict::kFinish:
      done = co_await dropFinalizer(key, std::move(tree));
      break;
  }
  if (!done) co_return std::unexpected(done.error());
  co_return cluster::PassEnd{};
}

loop::Task<Result<void>> Collector::remove(store::Key key, cluster::ObjectRef object,
                                           cluster::Propagation propagation) {
  const cluster::Resource resource = resourceOf(key, object->parse());
  Result<void> removed =
      co_await api_.remove(resource, key.ns, key.name, {.propagation = propagation, .uid = object->meta().uid});
  if (removed || removed.error().kind == ErrorKind::kNotFound || removed.error().kind == ErrorKind::kConflict)
    co_return {};
  co_return removed;
}

loop::Task<Result<void>> Collector::dropFinalizer(store::Key key, Value object) {
  const cluster::Resource resource = resourceOf(key, object);
  Array finalizers = std::as_const(object)["metadata"]["finalizers"].asArray();
  std::erase_if(finalizers, [](const Value& one) { return one.asStringView() == kFinalizer; });
  Value patch;
  patch["metadata"]["resourceVersion"] = std::as_const(object)["metadata"]["resourceVersion"];
  patch["metadata"]["finalizers"] = finalizers.empty() ? Value() : Value(std::move(finalizers));
  const auto patched = co_await api_.patch(resource, key.ns, key.name, cluster::PatchType::kMerge, std::move(patch));
  if (patched || patched.error().kind == ErrorKind::kNotFound) co_return {};
  co_return std::unexpected(patched.error());
}

}  // namespace towpath::edge
