#include "agents/agents.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agents/http_status.h"
#include "agents/node_object.h"
#include "base/log.h"
#include "cluster/kinds.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "tls/authority.h"
#include "wire/messages.h"

namespace towpath::agents {

namespace {

using cluster::kNodes;

constexpr std::size_t kReportBytes = 1u << 20;
constexpr std::size_t kSmallBytes = 64u << 10;  // enrolment, renewal, tokens
constexpr std::size_t kHelloBytes = 4u << 20;   // some 100 bytes for each object that the agent holds
constexpr const char* kProtobuf = "application/x-protobuf";

loop::Task<void> sendMessage(http::ResponseWriter& response, std::string body) {
  co_await response.send(200, {{"Content-Type", kProtobuf}}, std::move(body));
}

loop::Task<void> sendError(http::ResponseWriter& response, Error error) {
  co_await response.send(httpStatus(error.kind), {{"Content-Type", "text/plain; charset=utf-8"}},
                         describe(error) + "\n");
}

}  // namespace

Agents::Agents(Parts parts, AgentsOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      heartbeats_(parts_.loop.now()),
      tokens_(parts_.loop, parts_.store, parts_.authority.fingerprint()),
      enrolment_({parts_.loop, parts_.store, parts_.api, parts_.authority, tokens_}, options_.certificate_lifetime),
      assigner_(parts_.store, [this](const std::string& node) { markDirty(node); }),
      gateways_({parts_.loop, parts_.store, parts_.api}),
      reports_(
          {parts_.loop, parts_.store, parts_.api, parts_.samples,
           [this](const std::string& node, wire::GatewayReport report) { gateways_.report(node, std::move(report)); }}),
      logs_(parts_.loop,
            [this](const std::string& node, wire::Request request) { return ask(node, std::move(request)); }) {}

Agents::~Agents() = default;

Result<void> Agents::start() {
  if (Result<void> started = assigner_.start(); !started) return started;
  if (Result<void> started = gateways_.start(); !started) return started;
  auto sink = [this](std::span<const store::Change> changes) {
    for (const store::Change& change : changes) nodeChanged(change);
  };
  Result<std::unique_ptr<store::Subscription>> watched =
      parts_.store.watch(kNodes.storageName(), parts_.store.committedRevision(kNodes.storageName()), std::move(sink));
  if (!watched) return std::unexpected(watched.error());
  nodes_ = std::move(*watched);
  return {};
}

void Agents::nodeChanged(const store::Change& change) {
  const std::string& node = change.object->meta().name;
  auto readiness = [](const cluster::ObjectRef& object) {
    return object ? conditionStatus(object->parse(), "Ready") : "";
  };
  bool deleted = change.type == store::Change::Type::kDeleted;
  if (deleted || readiness(change.previous) != readiness(change.object)) reports_.nodeChanged(node);
  if (!deleted) return;
  heartbeats_.forget(node);
  reports_.forget(node);
  auto found = sessions_.find(node);
  if (found != sessions_.end()) found->second->end(SessionEnd::kNodeDeleted);
}

void Agents::markDirty(const std::string& node) {
  if (!node.empty()) {
    auto found = sessions_.find(node);
    if (found != sessions_.end()) found->second->markDirty();
    return;
  }
  for (auto& [name, session] : sessions_) session->markDirty();
}

Result<void> Agents::ask(const std::string& node, wire::Request request) {
  auto found = sessions_.find(node);
  if (found == sessions_.end()) return fail(ErrorKind::kUnavailable, "node " + node + " is not connected");
  if (!found->second->request(std::move(request))) {
    return fail(ErrorKind::kTooManyRequests, "too many requests wait for node " + node);
  }
  return {};
}

bool Agents::isCurrent(const tls::Identity& certificate) const {
  cluster::ObjectRef node = parts_.store.findLatest({kNodes.storageName(), "", certificate.common_name});
  if (!node) return false;
  const std::vector<std::string>& uris = certificate.uris;
  return std::ranges::find(uris, nodeUri(node->meta().uid)) != uris.end();
}

Result<std::string> Agents::authenticate(const http::Request& request) const {
  const std::optional<tls::Identity>& certificate = request.peer.certificate;
  if (!certificate) return fail(ErrorKind::kUnauthorized, "a node shows its certificate here");
  if (!isCurrent(*certificate)) {
    return fail(ErrorKind::kUnauthorized, "this certificate is of no node that exists: enrol again with a join token");
  }
  return certificate->common_name;
}

loop::Task<void> Agents::handle(http::Request& request, http::ResponseWriter& response) {
  const std::vector<std::string>& path = request.segments;  // agent, v1, what, …
  const std::string what = path.size() >= 3 ? path[2] : "";
  if (request.method != "POST") {
    co_await response.send(405, {{"Allow", "POST"}}, "only POST here\n");
    co_return;
  }
  if (what == "enrol") {
    Result<std::string> body = co_await request.body(kSmallBytes);
    if (!body) co_return;
    Result<wire::EnrolRequest> message = wire::decodeEnrolRequest(*body);
    if (!message) co_return co_await sendError(response, message.error());
    Result<wire::EnrolReply> answer = co_await enrolment_.enrol(std::move(*message));
    if (!answer) co_return co_await sendError(response, answer.error());
    co_return co_await sendMessage(response, wire::encode(*answer));
  }
  Result<std::string> node = authenticate(request);
  if (!node) {
    ++refused_;
    co_return co_await sendError(response, node.error());
  }
  heartbeats_.heard(*node, parts_.loop.now());
  if (what == "session") co_return co_await session(*node, request, response);
  if (what == "report") co_return co_await report(*node, request, response);
  if (what == "reply" && path.size() == 4) co_return co_await reply(*node, request, response);
  if (what == "renew") co_return co_await renew(*node, request, response);
  co_await sendError(response, {ErrorKind::kNotFound, "no such path", ""});
}

loop::Task<void> Agents::renew(const std::string& node, http::Request& request, http::ResponseWriter& response) {
  Result<std::string> body = co_await request.body(kSmallBytes);
  if (!body) co_return;
  Result<wire::RenewRequest> message = wire::decodeRenewRequest(*body);
  if (!message) co_return co_await sendError(response, message.error());
  cluster::ObjectRef object = parts_.store.findLatest({kNodes.storageName(), "", node});
  if (!object) co_return co_await sendError(response, {ErrorKind::kUnauthorized, "the node was deleted", ""});
  Result<wire::RenewReply> answer = enrolment_.renew(node, object->meta().uid, *message);
  if (!answer) co_return co_await sendError(response, answer.error());
  co_await sendMessage(response, wire::encode(*answer));
}

loop::Task<void> Agents::session(const std::string& node, http::Request& request, http::ResponseWriter& response) {
  Result<std::string> body = co_await request.body(kHelloBytes);
  if (!body) co_return;
  Result<wire::Hello> hello = wire::decodeHello(*body);
  if (!hello) co_return co_await sendError(response, hello.error());
  if (Result<void> allowed = checkHello(node, *hello); !allowed)
    co_return co_await sendError(response, allowed.error());
  if (Result<void> kept = co_await updateNode(node, hello->node); !kept)
    co_return co_await sendError(response, kept.error());
  Session session(parts_.loop, assigner_, options_.session, node, *hello);
  if (auto old = sessions_.find(node); old != sessions_.end()) {
    log::info("a session is replaced", {{"node", node}, {"old", old->second->nonce()}, {"new", session.nonce()}});
    old->second->end(SessionEnd::kReplaced);
  }
  SessionEntry entry(*this, session);
  log::info("node connected",
            {{"node", node}, {"address", request.peer.address}, {"agent", hello->node.agent_version}});
  response.start(200, {{"Content-Type", kProtobuf}});
  SessionEnd end = co_await session.run(response);
  log::info("node disconnected", {{"node", node}, {"why", toString(end)}});
}

// Registers the session for as long as its handler runs, also if the handler is cancelled.
Agents::SessionEntry::SessionEntry(Agents& agents, Session& session) : agents_(agents), session_(session) {
  agents_.sessions_[session.node()] = &session;
}

Agents::SessionEntry::~SessionEntry() {
  auto found = agents_.sessions_.find(session_.node());
  if (found == agents_.sessions_.end() || found->second != &session_) return;
  agents_.sessions_.erase(found);
  agents_.logs_.nodeLeft(session_.node());
}

Result<void> Agents::checkHello(const std::string& node, const wire::Hello& hello) const {
  if (hello.node_name != node) {
    return fail(ErrorKind::kForbidden,
                fmt::format("the certificate is of node \"{}\", and only its own assignment is for it", node));
  }
  if (hello.node.protocol < wire::kProtocolOldest) {
    return fail(ErrorKind::kUnsupported,
                fmt::format("protocol version {} is no longer supported: upgrade the agent", hello.node.protocol));
  }
  return {};
}

loop::Task<Result<void>> Agents::updateNode(std::string node, wire::NodeInfo info) {
  cluster::ObjectRef stored = parts_.store.findLatest({kNodes.storageName(), "", node});
  if (!stored) co_return fail(ErrorKind::kUnauthorized, "the node was deleted");
  const Value tree = stored->parse();
  if (std::optional<Value> patch = labelPatch(tree, info)) {
    Result<cluster::ObjectRef> written = co_await parts_.api.patch(
        kNodes, "", node, cluster::PatchType::kMerge, std::move(*patch), {.field_manager = "towpath-agent"});
    if (!written) co_return std::unexpected(withContext(written.error(), "labels of the node"));
  }
  if (std::optional<Value> patch = nodeStatusPatch(tree, &info, std::nullopt, parts_.loop.steadyNow())) {
    Result<cluster::ObjectRef> written =
        co_await parts_.api.patch(kNodes, "", node, cluster::PatchType::kMerge, std::move(*patch),
                                  {.field_manager = "towpath-agent", .subresource = "status"});
    if (!written) co_return std::unexpected(withContext(written.error(), "status of the node"));
  }
  co_return {};
}

loop::Task<void> Agents::report(const std::string& node, http::Request& request, http::ResponseWriter& response) {
  Result<std::string> body = co_await request.body(kReportBytes);
  if (!body) co_return;
  Result<wire::Report> message = wire::decodeReport(*body);
  if (!message) co_return co_await sendError(response, message.error());
  std::uint64_t sequence = message->sequence;
  if (Result<void> taken = co_await reports_.take(node, std::move(*message)); !taken) {
    co_return co_await sendError(response, taken.error());
  }
  auto lease = std::chrono::duration_cast<std::chrono::seconds>(options_.session.lease).count();
  co_await sendMessage(response, wire::encode(wire::ReportReply{.sequence = sequence,
                                                                .lease_seconds = static_cast<std::uint32_t>(lease)}));
}

loop::Task<void> Agents::reply(const std::string& node, http::Request& request, http::ResponseWriter& response) {
  Result<void> taken = co_await logs_.take(node, request.segments[3], request);
  if (!taken) co_return co_await sendError(response, taken.error());
  co_await sendMessage(response, "");
}

AgentsStats Agents::stats() const {
  return {.sessions = sessions_.size(),
          .enrolled = enrolment_.enrolled(),
          .renewed = enrolment_.renewed(),
          .refused = refused_,
          .reports = reports_.stats()};
}

}  // namespace towpath::agents
