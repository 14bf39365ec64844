#include "apiserver/event_expiry.h"

#include "base/log.h"
#include "cluster/kinds.h"
#include "loop/loop.h"
#include "store/store.h"

namespace towpath::apiserver {
namespace {

constexpr std::size_t kBatch = 200;

std::optional<WallTime> lastSeen(const Value& event) {
  for (const auto* member : {"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (event[member].isString()) return parseRfc3339(event[member].asStringView());
  }
  return parseRfc3339(event["metadata"]["creationTimestamp"].asStringView());
}

}  // namespace

loop::Task<void> expireEvents(loop::Loop& loop, store::Store& store) {
  const auto oldest = loop.wallNow() - kEventLifetime;
  const auto expired = [oldest](const cluster::StoredObject& object) {
    const auto seen = lastSeen(object.parse());
    return seen && *seen < oldest;
  };
  const auto resource = cluster::kEvents.storageName();
  for (;;) {
    const auto page = store.list(resource, {.limit = kBatch, .filter = expired});
    if (!page || page->items.empty()) co_return;
    store::Transaction transaction;
    for (const auto& event : page->items) {
      store::Key key{resource, event->meta().ns, event->meta().name};
      // Seen again meanwhile, or deleted by somebody: then it stays, or is gone already.
      if (store.findLatest(key) == event) transaction.erase(std::move(key), store::Precondition::of(*event));
    }
    if (transaction.operations().empty()) co_return;
    if (const auto done = co_await store.commit(std::move(transaction)); !done) {
      log::warning("old events are not deleted", {{"error", describe(done.error())}});
      co_return;
    }
  }
}

loop::Task<void> keepExpiringEvents(loop::Loop& loop, store::Store& store) {
  for (;;) {
    co_await loop::sleep(loop, kEventSweepEvery);
    co_await expireEvents(loop, store);
  }
}

}  // namespace towpath::apiserver
