#pragma once
// Events are kept for an hour, as on Kubernetes, so that they never fill the store.

#include "base/time.h"
#include "loop/task.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::store {
class Store;
}

namespace towpath::apiserver {

inline constexpr Duration kEventLifetime = 1h;
inline constexpr Duration kEventSweepEvery = 5min;

// Deletes those that were last seen longer ago than kEventLifetime.
loop::Task<void> expireEvents(loop::Loop& loop, store::Store& store);
// Does so again and again, for as long as its task is held: spawn it into a scope.
loop::Task<void> keepExpiringEvents(loop::Loop& loop, store::Store& store);

}  // namespace towpath::apiserver
