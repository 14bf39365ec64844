#pragma once
// MemoryStore: the Store without a disk, for unit tests of what stands on it and for the simulator. Same checks,
// revisions, history and watches as SqliteStore; a commit is "durable" at once.

#include <memory>

#include "store/store.h"

namespace towpath::store {

// `history_changes`: how many changes a watch or a paged list can go back.
std::unique_ptr<Store> makeMemoryStore(std::size_t history_changes = 10000);

}  // namespace towpath::store
