#pragma once
// WorkQueue: keys of objects that a controller has to look at again. A key that waits is not queued twice; a key that
// is being worked on is queued again only after done(), so that one object never has two passes at once. Namespaces
// take turns, so that one with thousands of objects holds up no other.

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace towpath::cluster {

struct ObjectKey {
  std::string ns;  // empty for cluster-scoped kinds
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
};

std::string toString(const ObjectKey& key);  // "ns/name", or "name"

// The delay after a key's n-th failure in a row doubles from `first` to `most` (core-semantics 3.1).
struct QueueBackoff {
  Duration first = 1ms;
  Duration most = 10s;
};

class WorkQueue {
 public:
  explicit WorkQueue(loop::Loop& loop, QueueBackoff backoff = {});

  // As soon as a worker is free.
  void add(const ObjectKey& key);
  // Not before `delay` is over. Of several pending delays of a key the earliest counts; add() does not take it away.
  void addAfter(const ObjectKey& key, Duration delay);
  // After the key's back-off, which grows with each call until forget().
  void addRateLimited(const ObjectKey& key);
  // The pass went well: the next failure starts at `first` again.
  void forget(const ObjectKey& key);
  int failures(const ObjectKey& key) const;

  // The next key, which the caller then works on until done(); nullopt after close().
  loop::Task<std::optional<ObjectKey>> next();
  void done(const ObjectKey& key);
  // No key is given out any more; delayed ones are dropped.
  void close();

  std::size_t waiting() const;  // ready to be worked on
  std::size_t working() const { return working_.size(); }
  std::size_t delayed() const { return delayed_.size(); }
  // Since the beginning: keys that became ready, and delays because of failures.
  std::uint64_t adds() const { return adds_; }
  std::uint64_t retries() const { return retries_; }
  // How long the key that next() gave out last had been ready.
  Duration lastWait() const { return last_wait_; }

 private:
  struct Delayed {
    MonoTime at;
    loop::Timer timer;
  };
  struct Ready {
    ObjectKey key;
    MonoTime since;
  };
  void makeReady(const ObjectKey& key);
  std::optional<ObjectKey> take();

  loop::Loop& loop_;
  QueueBackoff backoff_;
  bool closed_ = false;
  std::uint64_t adds_ = 0, retries_ = 0;
  Duration last_wait_{};
  std::map<std::string, std::deque<Ready>> ready_;  // by namespace; no empty lists
  std::deque<std::string> turns_;                   // the namespaces of ready_, the next one first
  std::set<ObjectKey> queued_;                      // in ready_, or to be put there by done()
  std::set<ObjectKey> working_;
  std::map<ObjectKey, Delayed> delayed_;
  std::map<ObjectKey, int> failures_;
  loop::Notify changed_;
};

}  // namespace towpath::cluster
