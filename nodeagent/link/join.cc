#include "link/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "loop/loop.h"
#include "tls/authority.h"
#include "tls/crypto.h"
#include "wire/join_token.h"

namespace towpath::link {

namespace {

// The request that is under way, or a new one.
Result<Joining> prepare(const IdentityFiles& files, const std::string& node_name) {
  Result<std::optional<Joining>> under_way = files.loadJoining();
  if (under_way && *under_way && (*under_way)->node_name == node_name) return std::move(**under_way);
  Result<tls::KeyAndRequest> made = tls::makeRequest(node_name);
  if (!made) return std::unexpected(withContext(made.error(), "making a key"));
  Joining joining{.node_name = node_name, .key_pem = std::move(made->key_pem), .csr_pem = std::move(made->request_pem)};
  if (Result<void> saved = files.saveJoining(joining); !saved) return std::unexpected(saved.error());
  return joining;
}

// The session and the reports go over connections with a certificate: this one is never used again, and would only cost
// the coordinator memory.
const http::Headers kOnlyOnce{{"Connection", "close"}};

Result<wire::EnrolReply> readReply(const Result<std::string>& answer, const std::string& pinned) {
  if (!answer) return std::unexpected(answer.error());
  Result<wire::EnrolReply> reply = wire::decodeEnrolReply(*answer);
  if (!reply) return reply;
  Result<std::string> fingerprint = tls::fingerprintOf(reply->ca_pem);
  if (!fingerprint || *fingerprint != pinned) {
    return fail(ErrorKind::kUnauthorized, "the coordinator's CA is not the one that the join token names");
  }
  return reply;
}

bool isFinal(ErrorKind kind) {
  return kind == ErrorKind::kUnauthorized || kind == ErrorKind::kForbidden || kind == ErrorKind::kInvalid ||
         kind == ErrorKind::kUnsupported || kind == ErrorKind::kTooLarge;
}

loop::Task<Result<Identity>> joinWithToken(loop::Loop& loop, Dialer& dialer, const IdentityFiles& files,
                                           const JoinOptions& options) {
  Result<wire::JoinToken> token = wire::parseJoinToken(options.join_token);
  if (!token) co_return std::unexpected(token.error());
  Result<Joining> joining = prepare(files, options.node_name);
  if (!joining) co_return std::unexpected(joining.error());
  dialer.pin(token->ca_sha256);
  std::string body = wire::encode(wire::EnrolRequest{.join_token = options.join_token,
                                                     .node_name = options.node_name,
                                                     .csr_pem = joining->csr_pem,
                                                     .node = options.info});
  Duration bound = options.redial_first;
  for (;;) {
    Result<wire::EnrolReply> reply =
        readReply(co_await dialer.post("/agent/v1/enrol", body, kOnlyOnce), token->ca_sha256);
    if (reply) {
      co_return Identity{.node_name = options.node_name,
                         .node_uid = std::move(reply->node_uid),
                         .key_pem = std::move(joining->key_pem),
                         .certificate_pem = std::move(reply->certificate_pem),
                         .ca_pem = std::move(reply->ca_pem)};
    }
    if (isFinal(reply.error().kind)) co_return std::unexpected(withContext(reply.error(), "joining"));
    log::warning("could not join yet", {{"error", reply.error().message}});
    bound = std::min(bound * 2, options.redial_max);
    auto nanoseconds = static_cast<std::uint64_t>(bound.count());
    co_await loop::sleep(loop, Duration(static_cast<Duration::rep>(loop.random() % nanoseconds)));
  }
}

}  // namespace

loop::Task<Result<Identity>> joinOnce(loop::Loop& loop, Dialer& dialer, const IdentityFiles& files,
                                      JoinOptions options) {
  Result<std::optional<Identity>> kept = files.load();
  if (!kept) co_return std::unexpected(kept.error());
  if (*kept) {
    if ((*kept)->node_name != options.node_name) {
      co_return fail(ErrorKind::kInvalid,
                     fmt::format("this data directory is of node \"{}\", and the configuration says \"{}\"",
                                 (*kept)->node_name, options.node_name),
                     "node_name");
    }
    co_return std::move(**kept);
  }
  if (options.join_token.empty()) {
    co_return fail(ErrorKind::kInvalid,
                   "this node has not joined yet: start it with --join TOKEN (`towpath token create` on the "
                   "coordinator makes one)",
                   "join");
  }
  Result<Identity> identity = co_await joinWithToken(loop, dialer, files, options);
  if (!identity) co_return identity;
  if (Result<void> saved = files.save(*identity); !saved) co_return std::unexpected(saved.error());
  files.removeJoining();
  log::info("joined", {{"node", identity->node_name}, {"uid", identity->node_uid}});
  co_return identity;
}

bool needsRenewal(std::string_view certificate_pem, WallTime now) {
  Result<tls::Identity> read = tls::readCertificate(certificate_pem);
  if (!read) return true;
  return now > read->not_before + (read->not_after - read->not_before) * 2 / 3;
}

loop::Task<Result<Identity>> renewIdentity(Dialer& dialer, const Identity& identity) {
  Result<tls::KeyAndRequest> made = tls::makeRequest(identity.node_name);
  if (!made) co_return std::unexpected(withContext(made.error(), "making a key"));
  Result<std::string> answer =
      co_await dialer.post("/agent/v1/renew", wire::encode(wire::RenewRequest{.csr_pem = made->request_pem}));
  if (!answer) co_return std::unexpected(answer.error());
  Result<wire::RenewReply> reply = wire::decodeRenewReply(*answer);
  if (!reply) co_return std::unexpected(reply.error());
  Identity renewed = identity;
  renewed.key_pem = std::move(made->key_pem);
  renewed.certificate_pem = std::move(reply->certificate_pem);
  renewed.ca_pem = std::move(reply->ca_pem);
  co_return renewed;
}

}  // namespace towpath::link
