#pragma once
// UvLoop: the real loop, on libuv. One per thread; a daemon has one. Timers run on the boot-time clock (a timerfd), so
// that they are due at once after a suspend.

#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "base/error.h"
#include "loop/loop.h"

struct uv_loop_s;

namespace towpath::loop {

class UvLoop final : public Loop {
 public:
  UvLoop();
  // Waits for threads that still work for offload(). All watchers, timers and streams must be gone.
  ~UvLoop() override;

  MonoTime now() const override;
  WallTime wallNow() const override;
  std::uint64_t random() override { return random_(); }
  void postFromThread(Callback call) override;
  void offload(Callback work, Callback done) override;
  void run() override;
  void stop() override;

  // For the folders that put handles on it: http/, and watchers of this folder.
  uv_loop_s* raw();

 protected:
  void wakeForReady() override;
  void wakeForTimer(MonoTime earliest) override;

 private:
  struct Handles;
  void drain();
  void runPostedFromThreads();

  std::unique_ptr<Handles> handles_;
  std::mt19937_64 random_;
  MonoTime armed_ = MonoTime::max();
  bool stopped_ = false;
  std::mutex threads_mutex_;
  std::vector<Callback> from_threads_;  // guarded by threads_mutex_
};

}  // namespace towpath::loop
