#include "loop/watch.h"

#include <uv.h>

#include <utility>

#include "base/assert.h"
#include "loop/event.h"

namespace towpath::loop {

struct PollWatcher::State {
  uv_poll_t handle;
  std::move_only_function<void(PollEvents)> ready;
  bool closing = false;
  bool in_call = false;
};

namespace {
int eventMask(PollEvents events) {
  return (events.readable ? static_cast<int>(UV_READABLE) : 0) | (events.writable ? static_cast<int>(UV_WRITABLE) : 0);
}
}  // namespace

PollWatcher::PollWatcher(UvLoop& loop, int fd, PollEvents wanted, std::move_only_function<void(PollEvents)> ready)
    : state_(new State{.handle = {}, .ready = std::move(ready)}) {
  const int error = uv_poll_init(loop.raw(), &state_->handle, fd);
  TOWPATH_ASSERT(error == 0, "the descriptor is open, can be polled and has no other watcher");
  state_->handle.data = state_;
  update(wanted);
}

PollWatcher::~PollWatcher() {
  state_->closing = true;
  if (!state_->in_call) state_->ready = nullptr;  // what it captured goes now, not when libuv gets round to it
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void PollWatcher::update(PollEvents wanted) {
  const int mask = eventMask(wanted);
  if (mask == 0) {
    uv_poll_stop(&state_->handle);
    return;
  }
  uv_poll_start(&state_->handle, mask, [](uv_poll_t* handle, int status, int events) {
    auto* state = static_cast<State*>(handle->data);
    if (state->closing) return;
    const PollEvents what =
        status < 0 ? PollEvents{true, true} : PollEvents{(events & UV_READABLE) != 0, (events & UV_WRITABLE) != 0};
    // Its owner may destroy the watcher in the call; the state stays until the close callback.
    state->in_call = true;
    state->ready(what);
    state->in_call = false;
  });
}

namespace {

Task<void> waitFor(UvLoop& loop, int fd, PollEvents wanted) {
  Event ready(loop);
  const PollWatcher watcher(loop, fd, wanted, [&ready](PollEvents) { ready.set(); });
  co_await ready.wait();
}

}  // namespace

Task<void> readable(UvLoop& loop, int fd) { return waitFor(loop, fd, {.readable = true}); }
Task<void> writable(UvLoop& loop, int fd) { return waitFor(loop, fd, {.writable = true}); }

struct SignalWatcher::State {
  uv_signal_t handle;
  std::move_only_function<void()> arrived;
  bool closing = false;
};

SignalWatcher::SignalWatcher(UvLoop& loop, int signal, std::move_only_function<void()> arrived)
    : state_(new State{.handle = {}, .arrived = std::move(arrived)}) {
  uv_signal_init(loop.raw(), &state_->handle);
  state_->handle.data = state_;
  const int error = uv_signal_start(
      &state_->handle,
      [](uv_signal_t* handle, int) {
        auto* state = static_cast<State*>(handle->data);
        if (!state->closing) state->arrived();
      },
      signal);
  TOWPATH_ASSERT(error == 0, "the signal can be caught");
}

SignalWatcher::~SignalWatcher() {
  state_->closing = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

}  // namespace towpath::loop
