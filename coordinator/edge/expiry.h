#pragma once
// Expiry: deletes Events that have not changed for a while. Their age is counted on the loop's clock from when they
// were seen, so that a jump of the wall clock deletes nothing; a restart begins anew.

#include <deque>
#include <memory>
#include <string>

#include "base/time.h"
#include "cluster/object_api.h"
#include "loop/scope.h"
#include "store/store.h"

namespace towpath::edge {

struct ExpiryOptions {
  Duration age = 1h;  // kube-apiserver's --event-ttl
  Duration check_interval = 30s;
  std::size_t events_max = 10000;  // the oldest go earlier than that
};

class Expiry {
 public:
  Expiry(loop::Loop& loop, store::Store& store, cluster::ObjectApi& api, ExpiryOptions options);
  Result<void> start();

 private:
  struct Seen {
    store::Key key;
    std::string resource_version;
    MonoTime at;
  };
  void see(const cluster::ObjectRef& event);
  loop::Task<void> run();
  loop::Task<void> sweep();
  bool isDue(const Seen& seen) const;

  loop::Loop& loop_;
  store::Store& store_;
  cluster::ObjectApi& api_;
  ExpiryOptions options_;
  std::deque<Seen> seen_;  // in order of time; a version that is not the newest any more is skipped
  std::unique_ptr<store::Subscription> subscription_;
  loop::Scope scope_;
};

}  // namespace towpath::edge
