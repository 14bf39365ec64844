#pragma once
// Agents: the coordinator's side of the agent protocol (docs/protocol.md): join tokens, enrolment, one session a node,
// reports, logs.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agents/assigner.h"
#include "agents/enrolment.h"
#include "agents/gateway_status.h"
#include "agents/heartbeats.h"
#include "agents/join_tokens.h"
#include "agents/log_channel.h"
#include "agents/reports.h"
#include "agents/session.h"
#include "apiserver/auth.h"
#include "base/error.h"
#include "http/server.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace towpath::tls {
class Authority;
}

namespace towpath::agents {

struct AgentsOptions {
  SessionOptions session;
  Duration certificate_lifetime = std::chrono::hours(24 * 90);
};

struct AgentsStats {
  std::size_t sessions = 0;  // now
  std::uint64_t enrolled = 0;
  std::uint64_t renewed = 0;
  std::uint64_t refused = 0;  // requests without a certificate of a node that exists
  ReportStats reports;
};

class Agents {
 public:
  struct Parts {
    loop::UvLoop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
    const tls::Authority& authority;
    const apiserver::Authenticator& users;  // who may make join tokens
    SampleSink samples;
  };
  // What it refers to outlives it; the server's handlers are gone before it is destroyed.
  Agents(Parts parts, AgentsOptions options);
  ~Agents();

  // Follows the store. Before the first request.
  Result<void> start();

  // Answers requests under /agent/v1/.
  loop::Task<void> handle(http::Request& request, http::ResponseWriter& response);
  // Answers requests under /towpath/v1/tokens, of administrators.
  loop::Task<void> handleTokens(http::Request& request, http::ResponseWriter& response);

  apiserver::LogSource& logs() { return logs_; }
  JoinTokens& tokens() { return tokens_; }
  const Heartbeats& heartbeats() const { return heartbeats_; }
  // Whether a client certificate is that of a node that exists (for TLS session tickets too: a deleted node's is
  // revoked).
  bool isCurrent(const tls::Identity& certificate) const;
  AgentsStats stats() const;

 private:
  class SessionEntry {
   public:
    SessionEntry(Agents& agents, Session& session);
    SessionEntry(const SessionEntry&) = delete;
    SessionEntry& operator=(const SessionEntry&) = delete;
    ~SessionEntry();

   private:
    Agents& agents_;
    Session& session_;
  };

  loop::Task<void> session(const std::string& node, http::Request& request, http::ResponseWriter& response);
  loop::Task<void> report(const std::string& node, http::Request& request, http::ResponseWriter& response);
  loop::Task<void> reply(const std::string& node, http::Request& request, http::ResponseWriter& response);
  loop::Task<void> renew(const std::string& node, http::Request& request, http::ResponseWriter& response);
  Result<void> checkHello(const std::string& node, const wire::Hello& hello) const;
  loop::Task<Result<void>> updateNode(std::string node, wire::NodeInfo info);
  Result<std::string> authenticate(const http::Request& request) const;
  Result<void> ask(const std::string& node, wire::Request request);
  void markDirty(const std::string& node);
  void nodeChanged(const store::Change& change);

  Parts parts_;
  AgentsOptions options_;
  Heartbeats heartbeats_;
  JoinTokens tokens_;
  Enrolment enrolment_;
  Assigner assigner_;
  GatewayStatus gateways_;
  Reports reports_;
  LogChannel logs_;
  // The sessions themselves live in their handlers.
  std::map<std::string, Session*> sessions_;
  std::uint64_t refused_ = 0;
  std::unique_ptr<store::Subscription> nodes_;
};

}  // namespace towpath::agents
