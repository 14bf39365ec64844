#include "cluster/queue.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace towpath::cluster {

std::string toString(const ObjectKey& key) { return key.ns.empty() ? key.name : key.ns + "/" + key.name; }

WorkQueue::WorkQueue(loop::Loop& loop, QueueBackoff backoff) : loop_(loop), backoff_(backoff), changed_(loop) {}

void WorkQueue::add(const ObjectKey& key) {
  if (closed_ || !queued_.insert(key).second) return;
  ++adds_;
  if (!working_.contains(key)) makeReady(key);
}

void WorkQueue::addAfter(const ObjectKey& key, Duration delay) {
  if (closed_) return;
  if (delay <= Duration::zero()) return add(key);
  const MonoTime at = loop_.now() + delay;
  const auto found = delayed_.find(key);
  if (found != delayed_.end() && found->second.at <= at) return;
  loop::Timer timer = loop_.startTimer(delay, [this, key] {
    // The entry holds this very function: the key must be copied before it goes.
    const ObjectKey due = key;
    delayed_.erase(due);
    add(due);
  });
  delayed_.insert_or_assign(key, Delayed{at, std::move(timer)});
}

void WorkQueue::addRateLimited(const ObjectKey& key) {
  ++retries_;
  const int earlier = failures_[key]++;
  Duration delay = backoff_.first;
  for (int i = 0; i < earlier && delay < backoff_.most; ++i) delay *= 2;
  addAfter(key, std::min(delay, backoff_.most));
}

void WorkQueue::forget(const ObjectKey& key) { failures_.erase(key); }

int WorkQueue::failures(const ObjectKey& key) const {
  const auto found = failures_.find(key);
  return found == failures_.end() ? 0 : found->second;
}

loop::Task<std::optional<ObjectKey>> WorkQueue::next() {
  while (!closed_) {
    if (std::optional<ObjectKey> key = take()) co_return key;
    co_await changed_.wait();
  }
  co_return std::nullopt;
}

void WorkQueue::done(const ObjectKey& key) {
  working_.erase(key);
  if (!closed_ && queued_.contains(key)) makeReady(key);
}

void WorkQueue::close() {
  closed_ = true;
  ready_.clear();
  turns_.clear();
  queued_.clear();
  delayed_.clear();
  changed_.notifyAll();
}

std::size_t WorkQueue::waiting() const { return queued_.size(); }

void WorkQueue::makeReady(const ObjectKey& key) {
  std::deque<Ready>& keys = ready_[key.ns];
  if (keys.empty()) turns_.push_back(key.ns);
  keys.push_back({key, loop_.now()});
  changed_.notifyAll();
}

std::optional<ObjectKey> WorkQueue::take() {
  if (turns_.empty()) return std::nullopt;
  std::string ns = std::move(turns_.front());
  turns_.pop_front();
  const auto found = ready_.find(ns);
  ObjectKey key = std::move(found->second.front().key);
  last_wait_ = loop_.now() - found->second.front().since;
  found->second.pop_front();
  if (found->second.empty())
    ready_.erase(found);
  else
    turns_.push_back(std::move(ns));
  queued_.erase(key);
  working_.insert(key);
  // A wake-up whose waiter was cancelled before it ran is passed on.
  if (!turns_.empty()) changed_.notifyAll();
  return key;
}

}  // namespace towpath::cluster
