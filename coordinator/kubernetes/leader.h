#pragma once
// Leader election by a Lease, by the rules of client-go (k8s.io/client-go/tools/leaderelection): of several processes
// one leads, and another takes over when the Lease has not been renewed for its duration, as measured by the observer's
// own clock. FencedApi is what a leader writes through: a deposed one writes nothing more.
//
//   leads ──────────────── renew_deadline ──┐ writes end here        another may lead from here
//   │ renewed every retry_period            │                        │
//   0 s (the renewal was sent)            10 s                     15 s (lease_duration)

#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "cluster/object_api.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace towpath::kubernetes {

struct LeaderOptions {
  std::string ns;
  // The peer's own, so that his controller and ours cannot lead at once.
  std::string name = "argo-rollouts-controller-lock";
  std::string identity;  // unique: "<host name>_<uuid>"
  Duration lease_duration = 15s;
  Duration renew_deadline = 10s;
  Duration retry_period = 2s;
};

class Leader {
 public:
  // `loop` and `api` outlive it. `api` is best one whose rate limit nobody else uses.
  Leader(loop::Loop& loop, cluster::ObjectApi& api, LeaderOptions options);
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  // Finishes when we lead.
  loop::Task<void> acquire();
  // Renews; finishes when we do not lead any more, and says why.
  loop::Task<Error> hold();
  // Lets another one lead at once; for an orderly end.
  loop::Task<Result<void>> release();

  // How much longer writes are allowed; zero or less: not the leader.
  Duration left() const { return leads_until_ - loop_.now(); }
  bool leads() const { return left() > Duration::zero(); }
  // Who leads, as far as we know; empty: nobody.
  const std::string& holder() const { return holder_; }

 private:
  loop::Task<Result<void>> tryOnce();
  void observe(const Value& lease);
  Value leaseOf(const Value& before, const std::string& holder) const;

  loop::Loop& loop_;
  cluster::ObjectApi& api_;
  LeaderOptions options_;
  MonoTime leads_until_{};  // boot: long past
  std::string holder_;
  std::string observed_;  // resourceVersion
  MonoTime observed_at_;
  Duration observed_duration_{};
};

// Passes reads on, and writes only while `leader` leads; a write that is not answered before the lead ends is given up
// as one of unknown fate.
class FencedApi final : public cluster::ObjectApi {
 public:
  FencedApi(loop::Loop& loop, cluster::ObjectApi& inner, const Leader& leader)
      : loop_(loop), inner_(inner), leader_(leader), ended_(loop) {}

  // No write begins any more. For an orderly end: those under way are waited for before the lead is given up.
  void close() { closed_ = true; }
  loop::Task<void> drained();

  loop::Task<Result<cluster::ObjectRef>> get(const cluster::Resource& resource, std::string ns,
                                             std::string name) override;
  loop::Task<Result<cluster::ObjectList>> list(const cluster::Resource& resource,
                                               cluster::ListOptions options) override;
  loop::Task<Result<std::unique_ptr<cluster::Watch>>> watch(const cluster::Resource& resource,
                                                            cluster::WatchOptions options) override;
  loop::Task<Result<cluster::ObjectRef>> create(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options = {}) override;
  loop::Task<Result<cluster::ObjectRef>> update(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options = {}) override;
  loop::Task<Result<cluster::ObjectRef>> patch(const cluster::Resource& resource, std::string ns, std::string name,
                                               cluster::PatchType type, Value patch,
                                               cluster::WriteOptions options = {}) override;
  loop::Task<Result<void>> remove(const cluster::Resource& resource, std::string ns, std::string name,
                                  cluster::DeleteOptions options = {}) override;

 private:
  template <class T>
  loop::Task<Result<T>> whileLeading(loop::Task<Result<T>> write);

  loop::Loop& loop_;
  cluster::ObjectApi& inner_;
  const Leader& leader_;
  bool closed_ = false;
  int under_way_ = 0;
  loop::Notify ended_;
};

}  // namespace towpath::kubernetes
