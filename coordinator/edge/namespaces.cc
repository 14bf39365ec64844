#include "edge/namespaces.h"

#include "cluster/kinds.h"
#include "edge/ownership.h"

namespace towpath::edge {
namespace {

constexpr Duration kLookAgain = 1s;  // pods wait for their agents, others for their finalizers

}  // namespace

using cluster::kNamespaces;

Namespaces::Namespaces(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api)
    : store_(store),
      api_(api),
      controller_(loop, {.name = "namespace"}, [this](cluster::ObjectKey key) { return pass(std::move(key.name)); }) {}

Result<void> Namespaces::start() {
  const auto page = store_.list(kNamespaces.storageName(), {});
  if (!page) return std::unexpected(page.error());
  const auto note = [this](const cluster::StoredObject& ns) {
    if (ns.meta().deleting) controller_.queue().add({"", ns.meta().name});
  };
  for (const cluster::ObjectRef& ns : page->items) note(*ns);
  auto subscription =
      store_.watch(kNamespaces.storageName(), page->revision, [note](std::span<const store::Change> changes) {
        for (const store::Change& change : changes) note(*change.object);
      });
  if (!subscription) return std::unexpected(subscription.error());
  subscription_ = std::move(*subscription);
  controller_.start();
  return {};
}

loop::Task<Result<cluster::PassEnd>> Namespaces::pass(std::string name) {
  const cluster::ObjectRef ns = store_.find({kNamespaces.storageName(), "", name});
  if (!ns || !ns->meta().deleting) co_return cluster::PassEnd{};
  const Result<std::size_t> left = co_await removeContent(name);
  if (!left) co_return std::unexpected(left.error());
  if (*left > 0) co_return cluster::PassEnd{.again_after = kLookAgain};
  if (auto done = co_await finish(ns); !done) co_return std::unexpected(done.error());
  co_return cluster::PassEnd{};
}

loop::Task<Result<std::size_t>> Namespaces::removeContent(std::string name) {
  std::size_t left = 0;
  for (const std::string& resource : store_.resources()) {
    const auto page = store_.list(resource, {.ns = name});
    if (!page) co_return std::unexpected(page.error());
    for (const cluster::ObjectRef& object : page->items) {
      const store::Key key{resource, object->meta().ns, object->meta().name};
      if (!object->meta().deleting) {
        const auto removed =
            co_await api_.remove(resourceOf(key, object->parse()), key.ns, key.name, {.uid = object->meta().uid});
        const bool settled =
            removed || removed.error().kind == ErrorKind::kNotFound || removed.error().kind == ErrorKind::kConflict;
        if (!settled) co_return std::unexpected(removed.error());
      }
      if (store_.find(key)) ++left;
    }
  }
  co_return left;
}

loop::Task<Result<void>> Namespaces::finish(cluster::ObjectRef ns) {
  Value object = ns->parse();
  object["spec"]["finalizers"] = Array{};
  const auto finished = co_await api_.update(kNamespaces, std::move(object), {.subresource = "finalize"});
  if (finished || finished.error().kind == ErrorKind::kNotFound) co_return {};
  co_return std::unexpected(finished.error());
}

}  // namespace towpath::edge
