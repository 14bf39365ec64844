// Deleting, as registry.h tells it.

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/definition.h"
#include "apiserver/registry.h"
#include "apiserver/write_pass.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/timeout.h"
#include "store/store.h"

namespace towpath::apiserver {
namespace {

using cluster::Propagation;

constexpr std::size_t kBatch = 200;  // objects that go in one transaction, or are deleted beside each other
constexpr std::int64_t kDefaultGraceSeconds = 30;

Answer<void> checkPreconditions(const Kind& kind, const cluster::StoredObject& object,
                                const cluster::DeleteOptions& options) {
  const auto& meta = object.meta();
  const auto refuse_for = [&](const char* what, const std::string& wanted, const std::string& found) {
    return std::unexpected(failureAbout(kind, meta.name, Reason::kConflict,
                                        fmt::format("Operation cannot be fulfilled on {} \"{}\": the {} in the "
                                                    "precondition ({}) does not match the {} in record ({})",
                                                    kind.storageName(), meta.name, what, wanted, what, found)));
  };
  if (!options.uid.empty() && options.uid != meta.uid) return refuse_for("UID", options.uid, meta.uid);
  if (!options.resource_version.empty() && options.resource_version != meta.resource_version) {
    return refuse_for("ResourceVersion", options.resource_version, meta.resource_version);
  }
  return {};
}

// Seconds that a pod may take to end; 0 if there is nothing to wait for.
std::int64_t graceOfPod(const Value& pod, const cluster::DeleteOptions& options) {
  const auto phase = pod["status"]["phase"].asStringView();
  if (pod["spec"]["nodeName"].asStringView().empty() || phase == "Succeeded" || phase == "Failed") return 0;
  const auto own = pod["spec"]["terminationGracePeriodSeconds"].asInt(kDefaultGraceSeconds);
  const auto wanted = options.grace_period_seconds.value_or(own);
  const auto running = pod["metadata"]["deletionGracePeriodSeconds"];
  // A second request can only shorten it.
  return std::max<std::int64_t>(0, running.isNull() ? wanted : std::min(wanted, running.asInt()));
}

bool addFinalizer(Value& object, const char* finalizer) {
  auto& finalizers = object["metadata"]["finalizers"].makeArray();
  if (std::ranges::any_of(finalizers, [&](const Value& one) { return one.asStringView() == finalizer; })) return false;
  finalizers.emplace_back(finalizer);
  return true;
}

// Marks it; answers what is to happen: false, if nothing holds it back.
bool markDeleted(const Kind& kind, WallTime now, const cluster::DeleteOptions& options, Value& object) {
  std::int64_t grace = 0;
  if (kind.resource == cluster::kPods) grace = graceOfPod(object, options);
  if (options.propagation == Propagation::kForeground) addFinalizer(object, "foregroundDeletion");
  bool held = grace > 0 || !std::as_const(object)["metadata"]["finalizers"].asArray().empty();
  if (kind.resource == cluster::kNamespaces) {
    held = held || !std::as_const(object)["spec"]["finalizers"].asArray().empty();
    object["status"]["phase"] = "Terminating";
  }
  if (!held) return false;
  auto& metadata = object["metadata"];
  if (metadata["deletionTimestamp"].isNull() || metadata["deletionGracePeriodSeconds"].asInt() != grace) {
    metadata["deletionTimestamp"] = formatRfc3339(now + std::chrono::seconds(grace));
    metadata["deletionGracePeriodSeconds"] = grace;
    if (kind.has_generation) metadata["generation"] = metadata["generation"].asInt() + 1;
  }
  return true;
}

}  // namespace

loop::Task<Answer<Removed>> Registry::remove(KindRef kind, std::string ns, std::string name,
                                             cluster::DeleteOptions options) {
  const store::Key key{kind->storageName(), kind->resource.namespaced ? ns : std::string(), name};
  auto old = store_.findLatest(key);
  if (!old) co_return std::unexpected(notFound(*kind, name));
  if (auto checked = checkPreconditions(*kind, *old, options); !checked) co_return std::unexpected(checked.error());
  if (kind->resource == cluster::kNamespaces && (name == "default" || name == "kube-system")) {
    co_return std::unexpected(
        failureAbout(*kind, name, Reason::kForbidden,
                     fmt::format("namespaces \"{}\" is forbidden: this namespace may not be deleted", name)));
  }
  if (kind->resource == cluster::kCustomResourceDefinitions && kinds_.isBuiltIn(name)) {
    co_return std::unexpected(failureAbout(
        *kind, name, Reason::kForbidden,
        fmt::format("customresourcedefinitions \"{}\" is forbidden: this kind is built in and cannot be deleted",
                    name)));
  }
  if (options.dry_run == cluster::DryRun::kYes) co_return Removed{std::move(old), true};
  if (options.propagation == Propagation::kOrphan) {
    if (auto freed = co_await orphanDependents(old->meta().uid); !freed) co_return std::unexpected(freed.error());
    old = store_.findLatest(key);
    if (!old) co_return std::unexpected(notFound(*kind, name));
  }
  if (kind->resource == cluster::kCustomResourceDefinitions) {
    if (auto cleared = co_await removeContent(name); !cleared) co_return std::unexpected(cleared.error());
    old = store_.findLatest(key);
    if (!old) co_return std::unexpected(notFound(*kind, name));
  }
  co_return co_await removeObject(kind, std::move(old), std::move(options));
}

loop::Task<Answer<Removed>> Registry::removeObject(KindRef kind, cluster::ObjectRef old,
                                                   cluster::DeleteOptions options) {
  const store::Key key{kind->storageName(), old->meta().ns, old->meta().name};
  Value object = old->parse();
  const Value before = object;
  if (const auto hooks = validators_.find(key.resource); hooks != validators_.end()) {
    AdmissionRequest request{.kind = *kind, .operation = Operation::kDelete, .old = &before};
    for (const auto& hook : hooks->second) {
      auto errors = hook(request);
      if (errors.empty()) continue;
      auto failure = failureOfCommit(*kind, key.name, errors[0]);
      if (errors[0].kind == ErrorKind::kInvalid) failure.reason = Reason::kForbidden;
      co_return std::unexpected(std::move(failure));
    }
  }
  const bool held = markDeleted(*kind, loop_.steadyNow(), options, object);
  if (held && object == before) co_return Removed{std::move(old), false};
  store::Transaction transaction;
  if (held)
    transaction.put(key, std::move(object), store::Precondition::of(*old));
  else
    transaction.erase(key, store::Precondition::of(*old));
  auto committed = co_await store_.commit(std::move(transaction));
  if (!committed) co_return std::unexpected(failureOfCommit(*kind, key.name, committed.error()));
  if (!held && kind->resource == cluster::kCustomResourceDefinitions) kinds_.removeDefinition(key.name);
  co_return Removed{std::move(committed->objects[0]), !held};
}

loop::Task<Answer<void>> Registry::removeContent(std::string storage_name) {
  for (;;) {
    const auto page = store_.list(storage_name, {.limit = kBatch});
    if (!page) co_return std::unexpected(toFailure(page.error()));
    if (page->items.empty()) co_return Answer<void>();
    store::Transaction transaction;
    for (const auto& object : page->items) {
      const store::Key key{storage_name, object->meta().ns, object->meta().name};
      if (store_.findLatest(key)) transaction.erase(key);
    }
    auto committed = co_await store_.commit(std::move(transaction));
    if (!committed) co_return std::unexpected(toFailure(committed.error()));
  }
}

loop::Task<Answer<void>> Registry::orphanDependents(std::string owner_uid) {
  const auto owned = [&owner_uid](const cluster::StoredObject& object) {
    return std::ranges::any_of(object.meta().owners, [&](const auto& owner) { return owner.uid == owner_uid; });
  };
  for (const auto& resource : store_.resources()) {
    const auto page = store_.list(resource, {.filter = owned});
    if (!page) co_return std::unexpected(toFailure(page.error()));
    for (const auto& seen : page->items) {
      const store::Key key{resource, seen->meta().ns, seen->meta().name};
      const auto latest = store_.findLatest(key);
      if (!latest) continue;
      Value object = latest->parse();
      auto& owners = object["metadata"]["ownerReferences"].makeArray();
      std::erase_if(owners, [&](const Value& owner) { return owner["uid"].asStringView() == owner_uid; });
      if (owners.empty()) object["metadata"].makeObject().erase("ownerReferences");
      auto committed =
          co_await store_.commit(store::Transaction().put(key, std::move(object), store::Precondition::of(*latest)));
      if (!committed) co_return std::unexpected(toFailure(committed.error()));
    }
  }
  co_return Answer<void>();
}

loop::Task<Answer<Page>> Registry::removeCollection(KindRef kind, cluster::ListOptions selection,
                                                    cluster::DeleteOptions options) {
  auto found = list(*kind, selection);
  if (!found) co_return std::unexpected(found.error());
  for (std::size_t begin = 0; begin < found->items.size(); begin += kBatch) {
    std::vector<loop::Task<Answer<Removed>>> tasks;
    const auto end = std::min(begin + kBatch, found->items.size());
    for (std::size_t i = begin; i < end; ++i) {
      tasks.push_back(remove(kind, found->items[i]->meta().ns, found->items[i]->meta().name, options));
    }
    for (auto& removed : co_await loop::whenAll(loop_, std::move(tasks))) {
      if (!removed && removed.error().reason != Reason::kNotFound) co_return std::unexpected(removed.error());
    }
  }
  co_return std::move(*found);
}

}  // namespace towpath::apiserver
