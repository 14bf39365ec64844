#include "edge/endpoints.h"

#include <algorithm>

#include "cluster/kinds.h"

namespace towpath::edge {

using cluster::kEndpointSlices;

namespace {

bool isOurs(const cluster::ObjectRef& slice) {
  const std::string* manager = slice->meta().label(kManagedByLabel);
  return manager && *manager == kManagedBy;
}

bool saysTheSame(const Value& stored, const Value& wanted) {
  return stored["endpoints"] == wanted["endpoints"] && stored["ports"] == wanted["ports"];
}

// What endpoints are made of; anything else of a pod may change without a look at its services.
bool differs(const PodFacts& a, const PodFacts& b) {
  return a.ready != b.ready || a.deleting != b.deleting || a.finished() != b.finished() || a.address != b.address ||
         a.ports != b.ports || a.node != b.node || a.labels != b.labels || a.uid != b.uid;
}

}  // namespace

Endpoints::Endpoints(Parts parts)
    : parts_(parts),
      controller_(parts.loop, {.name = "endpoints"}, [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      service_listener_(parts.services.listen([this](const cluster::CacheChange& change) {
        services_.erase(change.key());
        if (change.after) {
          Value service = change.after->parse();
          if (selectsPods(service)) services_[change.key()] = std::move(service);
        }
        controller_.queue().add(change.key());
      })),
      pod_listener_(parts.pods.listen([this](const cluster::CacheChange& change) { podChanged(change); })),
      slice_listener_(parts.slices.listen([this](const cluster::CacheChange& change) { sliceChanged(change); })) {}

void Endpoints::podChanged(const cluster::CacheChange& change) {
  if (change.before && change.after && !differs(readPod(change.before), readPod(change.after))) return;
  const std::string& ns = change.meta().ns;
  for (auto at = services_.lower_bound({ns, ""}); at != services_.end() && at->first.ns == ns; ++at) {
    const bool before = change.before && selectsPod(at->second, change.before->meta().labels);
    const bool after = change.after && selectsPod(at->second, change.after->meta().labels);
    if (before || after) controller_.queue().add(at->first);
  }
}

void Endpoints::sliceChanged(const cluster::CacheChange& change) {
  const std::string* service = change.meta().label(kServiceNameLabel);
  if (service) controller_.queue().add({change.meta().ns, *service});
}

loop::Task<Result<cluster::PassEnd>> Endpoints::pass(cluster::ObjectKey key) {
  const auto service = services_.find(key);
  std::vector<Value> wanted;
  const bool kept = service != services_.end() && service->second["metadata"]["deletionTimestamp"].isNull();
  if (kept) wanted = endpointSlices(service->second, parts_.index.inNamespace(key.ns));

  // New and changed ones before superfluous ones go, so that no endpoint is missing in between.
  std::set<std::string> names;
  for (Value& slice : wanted) {
    names.insert(std::string(cluster::nameOf(slice)));
    if (auto done = co_await put(std::move(slice)); !done) co_return std::unexpected(done.error());
  }
  for (const cluster::ObjectRef& slice : parts_.slices.withLabel(key.ns, kServiceNameLabel, key.name)) {
    if (!isOurs(slice) || names.contains(slice->meta().name)) continue;
    if (auto done = co_await remove(slice); !done) co_return std::unexpected(done.error());
  }
  co_return cluster::PassEnd{};
}

loop::Task<Result<void>> Endpoints::put(Value wanted) {
  const std::string ns(cluster::namespaceOf(wanted)), name(cluster::nameOf(wanted));
  const cluster::ObjectRef stored = parts_.slices.find(ns, name);
  Result<cluster::ObjectRef> written;
  if (!stored) {
    written = co_await parts_.api.create(kEndpointSlices, std::move(wanted));
  } else {
    Value updated = stored->parse();
    if (saysTheSame(updated, wanted)) co_return {};
    updated["endpoints"] = wanted["endpoints"];
    updated["ports"] = wanted["ports"];
    written = co_await parts_.api.update(kEndpointSlices, std::move(updated));
  }
  if (!written) co_return std::unexpected(written.error());
  parts_.slices.observe(*written);
  co_return {};
}

loop::Task<Result<void>> Endpoints::remove(cluster::ObjectRef slice) {
  const cluster::ObjectMeta& meta = slice->meta();
  Result<void> removed = co_await parts_.api.remove(kEndpointSlices, meta.ns, meta.name, {.uid = meta.uid});
  if (!removed && removed.error().kind != ErrorKind::kNotFound) co_return removed;
  parts_.slices.observeGone(meta.ns, meta.name, meta.uid);
  co_return {};
}

}  // namespace towpath::edge
