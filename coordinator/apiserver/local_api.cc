#include "apiserver/local_api.h"

#include <fmt/format.h>

#include "apiserver/watch.h"

namespace towpath::apiserver {
namespace {

using cluster::ObjectRef;
using cluster::Resource;

Error unknownKind(const Resource& resource) {
  return {ErrorKind::kNotFound,
          fmt::format("the server does not serve {} of {}", resource.plural, resource.apiVersion()),
          {}};
}

WriteOptions writeOptions(cluster::WriteOptions options, const std::string& user) {
  return {.dry_run = options.dry_run,
          .field_manager = options.field_manager.empty() ? user : std::move(options.field_manager),
          .subresource = std::move(options.subresource)};
}

Result<ObjectRef> objectOf(Answer<Written> written) {
  if (!written) return std::unexpected(toError(written.error()));
  return std::move(written->object);
}

class LocalWatch final : public cluster::Watch {
 public:
  explicit LocalWatch(std::unique_ptr<RegistryWatch> watch) : watch_(std::move(watch)) {}

  loop::Task<Result<cluster::WatchEvent>> next() override {
    for (;;) {
      if (auto event = watch_->tryNext()) co_return cluster::WatchEvent{event->type, std::move(event->object)};
      if (watch_->failure()) co_return std::unexpected(toError(*watch_->failure()));
      co_await watch_->ready().wait();
    }
  }

 private:
  std::unique_ptr<RegistryWatch> watch_;
};

}  // namespace

LocalApi::LocalApi(Registry& registry, std::string user) : registry_(registry), user_(std::move(user)) {}

loop::Task<Result<ObjectRef>> LocalApi::get(const Resource& resource, std::string ns, std::string name) {
  const auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  auto object = registry_.get(*kind, ns, name);
  if (!object) co_return std::unexpected(toError(object.error()));
  co_return std::move(*object);
}

loop::Task<Result<cluster::ObjectList>> LocalApi::list(const Resource& resource, cluster::ListOptions options) {
  const auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  auto page = registry_.list(*kind, options);
  if (!page) co_return std::unexpected(toError(page.error()));
  co_return cluster::ObjectList(std::move(*page));
}

loop::Task<Result<std::unique_ptr<cluster::Watch>>> LocalApi::watch(const Resource& resource,
                                                                    cluster::WatchOptions options) {
  const auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  auto watch = registry_.watch(kind, {.ns = std::move(options.ns),
                                      .label_selector = std::move(options.label_selector),
                                      .field_selector = std::move(options.field_selector),
                                      .resource_version = std::move(options.resource_version)});
  if (!watch) co_return std::unexpected(toError(watch.error()));
  co_return std::make_unique<LocalWatch>(std::move(*watch));
}

loop::Task<Result<ObjectRef>> LocalApi::create(const Resource& resource, Value object, cluster::WriteOptions options) {
  auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  std::string ns(cluster::namespaceOf(object));
  if (options.subresource == "eviction") {
    // There are no disruption budgets here: it is a deletion.
    auto removed = co_await registry_.remove(std::move(kind), std::move(ns), std::string(cluster::nameOf(object)), {});
    if (!removed) co_return std::unexpected(toError(removed.error()));
    co_return std::move(removed->object);
  }
  co_return objectOf(co_await registry_.create(std::move(kind), std::move(ns), std::move(object),
                                               writeOptions(std::move(options), user_)));
}

loop::Task<Result<ObjectRef>> LocalApi::update(const Resource& resource, Value object, cluster::WriteOptions options) {
  auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  std::string ns(cluster::namespaceOf(object)), name(cluster::nameOf(object));
  co_return objectOf(co_await registry_.update(std::move(kind), std::move(ns), std::move(name), std::move(object),
                                               writeOptions(std::move(options), user_)));
}

loop::Task<Result<ObjectRef>> LocalApi::patch(const Resource& resource, std::string ns, std::string name,
                                              cluster::PatchType type, Value patch, cluster::WriteOptions options) {
  auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  co_return objectOf(co_await registry_.patch(std::move(kind), std::move(ns), std::move(name), type, std::move(patch),
                                              writeOptions(std::move(options), user_)));
}

loop::Task<Result<void>> LocalApi::remove(const Resource& resource, std::string ns, std::string name,
                                          cluster::DeleteOptions options) {
  auto kind = registry_.kinds().find(resource);
  if (!kind) co_return std::unexpected(unknownKind(resource));
  auto removed = co_await registry_.remove(std::move(kind), std::move(ns), std::move(name), std::move(options));
  if (!removed) co_return std::unexpected(toError(removed.error()));
  co_return Result<void>();
}

}  // namespace towpath::apiserver
