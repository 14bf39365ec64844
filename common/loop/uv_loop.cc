#include "loop/uv_loop.h"

#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "base/assert.h"

namespace towpath::loop {

namespace {

MonoTime bootNow() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return MonoTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

std::uint64_t seedOfKernel() {
  std::uint64_t seed = 0;
  const int error = uv_random(nullptr, nullptr, &seed, sizeof seed, 0, nullptr);
  TOWPATH_ASSERT(error == 0, "the kernel has random bytes");
  return seed;
}

constexpr int kRoundsPerTurn = 16;

}  // namespace

// Drained twice a turn: by `idle` before polling (only while something is ready; an active idle handle keeps the poll
// from blocking) and by `check` right after polling, so that what I/O made ready runs without another turn.
struct UvLoop::Handles {
  uv_loop_t loop;
  uv_idle_t idle;
  uv_check_t check;
  uv_async_t async;
  uv_poll_t timer;
  int timer_fd = -1;
};

UvLoop::UvLoop() : handles_(std::make_unique<Handles>()), random_(seedOfKernel()) {
  // A peer that closed its end is an error code of the write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Handles& h = *handles_;
  h.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  TOWPATH_ASSERT(uv_loop_init(&h.loop) == 0 && h.timer_fd >= 0, "a process may open a few descriptors");
  h.loop.data = this;
  uv_idle_init(&h.loop, &h.idle);
  uv_check_init(&h.loop, &h.check);
  uv_check_start(&h.check, [](uv_check_t* handle) { static_cast<UvLoop*>(handle->loop->data)->drain(); });
  uv_async_init(&h.loop, &h.async,
                [](uv_async_t* handle) { static_cast<UvLoop*>(handle->loop->data)->runPostedFromThreads(); });
  uv_poll_init(&h.loop, &h.timer, h.timer_fd);
  uv_poll_start(&h.timer, UV_READABLE, [](uv_poll_t* handle, int, int) {
    auto* self = static_cast<UvLoop*>(handle->loop->data);
    std::uint64_t expirations = 0;
    [[maybe_unused]] const auto count = ::read(self->handles_->timer_fd, &expirations, sizeof expirations);
    self->armed_ = MonoTime::max();
    self->fireTimers();
    if (const auto earliest = self->timers().earliest()) self->wakeForTimer(*earliest);
  });
}

UvLoop::~UvLoop() {
  dropReady();
  Handles& h = *handles_;
  for (uv_handle_t* handle : {reinterpret_cast<uv_handle_t*>(&h.idle), reinterpret_cast<uv_handle_t*>(&h.check),
                              reinterpret_cast<uv_handle_t*>(&h.async), reinterpret_cast<uv_handle_t*>(&h.timer)}) {
    uv_close(handle, nullptr);
  }
  // Runs the close callbacks of handles whose owners are gone, and waits for the pool's threads.
  uv_run(&h.loop, UV_RUN_DEFAULT);
  dropReady();
  const int error = uv_loop_close(&h.loop);
  ::close(h.timer_fd);
  TOWPATH_ASSERT(error == 0, "all watchers, streams and servers are destroyed before their loop");
}

uv_loop_s* UvLoop::raw() { return &handles_->loop; }

MonoTime UvLoop::now() const { return bootNow(); }
WallTime UvLoop::wallNow() const { return std::chrono::system_clock::now(); }

void UvLoop::run() {
  stopped_ = false;
  while (!stopped_) uv_run(&handles_->loop, UV_RUN_DEFAULT);
}

void UvLoop::stop() {
  stopped_ = true;
  uv_stop(&handles_->loop);
}

void UvLoop::wakeForReady() {
  // While the loop goes down the last threads still report; nobody waits for it.
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&handles_->idle))) return;
  uv_idle_start(&handles_->idle, [](uv_idle_t* handle) { static_cast<UvLoop*>(handle->loop->data)->drain(); });
}

void UvLoop::drain() {
  // Timers that are due need not wait for the timerfd; those of no delay are started often (libcurl) and never arm it.
  fireTimers();
  for (int round = 0; round < kRoundsPerTurn && hasReady() && !stopped_; ++round) runReady();
  const std::optional<MonoTime> earliest = timers().earliest();
  if (hasReady() || (earliest && *earliest <= now())) {
    wakeForReady();
  } else {
    uv_idle_stop(&handles_->idle);
    if (earliest) wakeForTimer(*earliest);
  }
}

// Rearms only for an earlier time: a timer that was cancelled costs one spurious wake-up, not a system call each.
void UvLoop::wakeForTimer(MonoTime earliest) {
  if (earliest >= armed_) return;
  if (earliest <= now()) return wakeForReady();
  armed_ = earliest;
  const auto since_boot = std::max<Duration>(earliest.time_since_epoch(), 1ns);  // zero would disarm
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec spec{};
  spec.it_value.tv_sec = seconds.count();
  spec.it_value.tv_nsec = (since_boot - seconds).count();
  timerfd_settime(handles_->timer_fd, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void UvLoop::postFromThread(Callback call) {
  {
    const std::lock_guard lock(threads_mutex_);
    from_threads_.push_back(std::move(call));
  }
  uv_async_send(&handles_->async);
}

void UvLoop::runPostedFromThreads() {
  std::vector<Callback> calls;
  {
    const std::lock_guard lock(threads_mutex_);
    calls.swap(from_threads_);
  }
  for (Callback& call : calls) call();
}

namespace {
struct Work {
  uv_work_t request;
  Callback work;
  Callback done;
};
}  // namespace

void UvLoop::offload(Callback work, Callback done) {
  auto* state = new Work{.request = {}, .work = std::move(work), .done = std::move(done)};
  state->request.data = state;
  uv_queue_work(
      &handles_->loop, &state->request, [](uv_work_t* request) { static_cast<Work*>(request->data)->work(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Work> finished(static_cast<Work*>(request->data));
        finished->done();
      });
}

}  // namespace towpath::loop
