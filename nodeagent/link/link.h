#pragma once
// Link: the node's connection to its coordinator (docs/protocol.md). It joins once, keeps a session open, hands on each
// whole assignment, and brings reports up. Without a coordinator it hands on the assignment of the disk and keeps
// trying.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "link/object_set.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::loop {
class UvLoop;
}

namespace towpath::link {

// An answer to a log request, piece by piece; an empty piece is the end.
class LogBody {
 public:
  virtual ~LogBody() = default;
  virtual loop::Task<Result<std::string>> next() = 0;
};

struct LinkOptions {
  std::string coordinator_url;  // "https://coordinator.example:7443"
  std::string join_token;       // needed once; empty afterwards
  std::string data_dir;
  std::string node_name;
  wire::NodeInfo info;
  Duration report_gather = 50ms;  // changes within this time go up in one report
  Duration redial_first = 1s;     // upper bound of the first random delay; doubles …
  Duration redial_max = 30s;      // … to this
  Duration renew_check = 1h;
};

struct LinkHooks {
  // The whole assignment, new or from the disk. Called on the loop.
  std::function<void(const ObjectSet&)> assigned;
  std::function<Result<std::unique_ptr<LogBody>>(const wire::LogRequest&)> open_log;
  // The coordinator has kept this report of a pod.
  std::function<void(const wire::PodReport&)> acknowledged;
};

struct LinkStatus {
  bool joined = false;
  bool connected = false;
  std::uint64_t revision = 0;  // of the newest whole assignment
  std::uint64_t sessions = 0;  // begun so far
  std::uint64_t samples_lost = 0;
  std::uint64_t reports_dropped = 0;  // that the coordinator refused for good
  std::string last_error;
};

class Link {
 public:
  Link(loop::UvLoop& loop, LinkOptions options, LinkHooks hooks);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Reads identity and assignment from the disk (and hands it on); if this node has not joined yet, joins. Finishes
  // when there is an identity: kUnauthorized, kForbidden or kInvalid mean that trying again is of no use; an
  // unreachable coordinator is tried again.
  loop::Task<Result<void>> start();

  // What is to go up; sent soon, and again until it is acknowledged.
  void report(wire::PodReport pod);
  void report(wire::RouteReport route);
  void report(wire::GatewayReport gateway);
  void report(wire::NodeEvent event);
  void add(wire::TrafficSample sample);
  void set(wire::NodeCondition condition);

  // Whether the node may advance a rollout by itself now: an answer of the coordinator that is not too old.
  bool hasLease() const;
  LinkStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::link
