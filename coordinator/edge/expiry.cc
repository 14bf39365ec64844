#include "edge/expiry.h"

#include "cluster/kinds.h"

namespace towpath::edge {

using cluster::kEvents;

Expiry::Expiry(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api, ExpiryOptions options)
    : loop_(loop), store_(store), api_(api), options_(options), scope_(loop, "event expiry") {}

Result<void> Expiry::start() {
  const auto page = store_.list(kEvents.storageName(), {});
  if (!page) return std::unexpected(page.error());
  for (const cluster::ObjectRef& event : page->items) see(event);
  auto subscription =
      store_.watch(kEvents.storageName(), page->revision, [this](std::span<const store::Change> changes) {
        for (const store::Change& change : changes) {
          if (change.type != store::Change::Type::kDeleted) see(change.object);
        }
      });
  if (!subscription) return std::unexpected(subscription.error());
  subscription_ = std::move(*subscription);
  scope_.spawn(run());
  return {};
}

void Expiry::see(const cluster::ObjectRef& event) {
  const cluster::ObjectMeta& meta = event->meta();
  seen_.push_back({{kEvents.storageName(), meta.ns, meta.name}, meta.resource_version, loop_.now()});
}

bool Expiry::isDue(const Seen& seen) const {
  return seen_.size() > options_.events_max || loop_.now() - seen.at >= options_.age;
}

loop::Task<void> Expiry::run() {
  while (true) {
    co_await sweep();
    co_await loop::sleep(loop_, options_.check_interval);
  }
}

loop::Task<void> Expiry::sweep() {
  while (!seen_.empty() && isDue(seen_.front())) {
    const Seen oldest = std::move(seen_.front());
    seen_.pop_front();
    const cluster::ObjectRef event = store_.find(oldest.key);
    if (!event || event->meta().resource_version != oldest.resource_version) continue;
    // A failure is left to the next restart: an event too many harms nobody.
    (void)co_await api_.remove(kEvents, oldest.key.ns, oldest.key.name,
                               {.uid = event->meta().uid, .resource_version = oldest.resource_version});
  }
}

}  // namespace towpath::edge
