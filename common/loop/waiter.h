#pragma once
// Waiter: a place in at most one queue, which leaves it by itself when it is destroyed. It is how a suspended coroutine
// stands in the list of what it waits for, and later in the loop's ready queue; no allocation, and destroying the
// coroutine removes it.

#include <coroutine>

#include "base/assert.h"

namespace towpath::loop {

// One entry of a doubly linked ring; the queue itself is the ring's head.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool linked() const { return next_ != this; }
  void unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }

 private:
  friend class WaitQueue;
  Link* previous_ = this;
  Link* next_ = this;
};

// Something that the loop's ready queue runs once.
class Waiter : public Link {
 public:
  virtual void run() = 0;

 protected:
  ~Waiter() = default;
};

// Resumes a suspended coroutine.
class CoroutineWaiter final : public Waiter {
 public:
  void run() override { handle.resume(); }
  std::coroutine_handle<> handle;
};

// First in, first out. Entries are not owned; those left when it is destroyed are merely unlinked.
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  ~WaitQueue() {
    while (popFront()) {
    }
  }

  bool empty() const { return !head_.linked(); }
  void pushBack(Waiter& waiter) {
    TOWPATH_ASSERT(!waiter.linked(), "a waiter stands in one queue at a time");
    Link& link = waiter;
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
  }
  // nullptr if empty.
  Waiter* popFront() {
    if (empty()) return nullptr;
    Link* first = head_.next_;
    first->unlink();
    return static_cast<Waiter*>(first);
  }
  // Appends all of `other`, which is empty afterwards.
  void splice(WaitQueue& other) {
    while (Waiter* waiter = other.popFront()) pushBack(*waiter);
  }

 private:
  Link head_;
};

}  // namespace towpath::loop
