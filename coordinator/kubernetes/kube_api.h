#pragma once
// KubeApi: ObjectApi over HTTP to a Kubernetes API server, or to anything that speaks its language, such as our own
// apiserver. It stands on http::Transport, so that it runs against sockets and in memory alike.
//
// What it takes care of: credentials (once more after a 401), a limit of requests a second, sending again what is safe
// to send again (retry.h), limits of time. What it leaves to its callers: conflicts, lists that expired (kGone), and
// writes whose fate is unknown.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "access/access.h"
#include "access/credentials.h"
#include "cluster/object_api.h"
#include "kubernetes/rate_limit.h"
#include "kubernetes/retry.h"
#include "loop/loop.h"

namespace towpath::kubernetes {

struct KubeApiOptions {
  std::string user_agent = "towpath";
  std::string field_manager = "towpath";  // of writes that name none
  RateLimitOptions rate;
  Duration timeout = 30s;             // of a request
  Duration list_timeout = 2min;       // of a page
  Duration watch_timeout = 5min;      // what the server is asked to end a watch after; twice that at most
  Duration watch_idle = 150s;         // nothing came, not even the bookmark of each minute: the connection is dead
  std::size_t list_bytes = 1u << 30;  // of a page, unpacked
};

// What requests are counted by. No names of objects, which have no bound.
struct RequestKind {
  std::string plural;  // "rollouts"; empty: none, as for /version
  std::string ns;
  std::string verb;  // Get, List, Watch, Create, Update, Patch, Delete
  int status = 0;    // of the answer; 0: none came
  auto operator<=>(const RequestKind&) const = default;
};

struct KubeApiStats {
  std::uint64_t requests = 0;  // sent, watches and further tries included
  std::uint64_t retries = 0;   // sent once more
  std::uint64_t limited = 0;   // answers 429
  std::uint64_t watches = 0;   // opened
  std::map<RequestKind, std::uint64_t> by_kind;
};

class KubeApi final : public cluster::ObjectApi {
 public:
  // All of them outlive it, and it outlives its watches.
  KubeApi(loop::Loop& loop, http::Transport& transport, const access::ClusterAccess& access,
          access::Credentials& credentials, KubeApiOptions options = {});

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

  // Is somebody there, and does he know us? The server's version, "v1.35.4".
  loop::Task<Result<std::string>> serverVersion();
  const KubeApiStats& stats() const { return stats_; }

 private:
  struct Call {
    std::string method = "GET";
    RequestKind kind;
    std::string target;  // "/api/v1/pods?limit=5"
    std::string content_type = "application/json";
    std::string body;
    Duration timeout;
    http::Compression compression = http::Compression::kNo;
    cluster::Urgency urgency = cluster::Urgency::kNormal;
    Effect effect = Effect::kReads;
  };
  http::ClientRequest requestOf(const Call& call) const;
  void count(RequestKind kind, int status);
  loop::Task<Result<http::Response>> send(Call call);
  loop::Task<Result<http::Response>> sendOnce(const Call& call);
  loop::Task<Result<cluster::ObjectRef>> sendForObject(const cluster::Resource& resource, Call call);
  std::string writeQuery(const cluster::WriteOptions& options) const;

  loop::Loop& loop_;
  http::Transport& transport_;
  const access::ClusterAccess& access_;
  access::Credentials& credentials_;
  KubeApiOptions options_;
  RateLimit limit_;
  KubeApiStats stats_;
};

}  // namespace towpath::kubernetes
