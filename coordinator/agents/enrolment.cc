#include "agents/enrolment.h"

#include <fmt/format.h>

#include <utility>

#include "agents/node_name.h"
#include "agents/node_object.h"
#include "base/log.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "loop/loop.h"
#include "store/store.h"
#include "tls/authority.h"
#include "tls/crypto.h"

namespace towpath::agents {

using cluster::kNodes;

std::string nodeUri(const std::string& uid) { return "towpath://node/" + uid; }

Enrolment::Enrolment(Parts parts, Duration certificate_lifetime)
    : parts_(parts), certificate_lifetime_(certificate_lifetime), turn_(parts.loop, 1) {}

loop::Task<Result<wire::EnrolReply>> Enrolment::enrol(wire::EnrolRequest request) {
  if (Result<void> valid = checkNodeName(request.node_name); !valid) co_return std::unexpected(valid.error());
  Result<wire::JoinToken> token = wire::parseJoinToken(request.join_token);
  if (!token) co_return std::unexpected(token.error());
  loop::Semaphore::Permit turn = co_await turn_.acquire();
  Result<std::string> uid = co_await takeName(request, *token, tls::sha256Hex(request.csr_pem));
  if (!uid) co_return std::unexpected(uid.error());
  Result<std::string> certificate = sign(request.csr_pem, request.node_name, *uid);
  if (!certificate) co_return std::unexpected(certificate.error());
  ++enrolled_;
  log::info("node enrolled", {{"node", request.node_name}, {"uid", *uid}, {"token", token->id}});
  co_return wire::EnrolReply{
      .certificate_pem = std::move(*certificate), .ca_pem = parts_.authority.certificatePem(), .node_uid = *uid};
}

// The UID of the Node object that now is this node's.
loop::Task<Result<std::string>> Enrolment::takeName(const wire::EnrolRequest& request, const wire::JoinToken& token,
                                                    const std::string& request_hash) {
  // What cannot be signed must not cost a use of the token, nor leave a Node.
  if (Result<std::string> probe = sign(request.csr_pem, request.node_name, "probe"); !probe) {
    co_return std::unexpected(probe.error());
  }
  cluster::ObjectRef taken = parts_.store.findLatest({kNodes.storageName(), "", request.node_name});
  if (taken && cluster::annotationOf(taken->parse(), kEnrolledWith) == request_hash) {
    // The same request again: the answer to the first was lost on its way.
    Result<TokenInfo> known = parts_.tokens.checkRepeat(token, request.node_name);
    if (!known) co_return std::unexpected(known.error());
    co_return taken->meta().uid;
  }
  Result<TokenInfo> allowed = parts_.tokens.check(token, request.node_name);
  if (!allowed) co_return std::unexpected(allowed.error());
  if (taken && allowed->name_reuse == NameReuse::kRefuse) {
    co_return fail(
        ErrorKind::kForbidden,
        fmt::format("there is a node \"{}\" already: choose another name, delete that node, or make a token that may "
                    "replace it",
                    request.node_name));
  }
  if (Result<TokenInfo> spent = co_await parts_.tokens.spend(token, request.node_name); !spent) {
    co_return std::unexpected(spent.error());
  }
  if (taken) {
    Result<void> removed = co_await parts_.api.remove(kNodes, "", request.node_name, {.uid = taken->meta().uid});
    if (!removed && removed.error().kind != ErrorKind::kNotFound) co_return std::unexpected(removed.error());
  }
  co_return co_await makeNodeObject(request, request_hash);
}

loop::Task<Result<std::string>> Enrolment::makeNodeObject(const wire::EnrolRequest& request,
                                                          const std::string& request_hash) {
  Result<cluster::ObjectRef> made = co_await parts_.api.create(
      kNodes, makeNode(request.node_name, request.node, request_hash), {.field_manager = "towpath-agent"});
  if (!made) co_return std::unexpected(withContext(made.error(), "making the Node object"));
  co_return (*made)->meta().uid;
}

Result<wire::RenewReply> Enrolment::renew(const std::string& node, const std::string& uid,
                                          const wire::RenewRequest& request) {
  Result<std::string> certificate = sign(request.csr_pem, node, uid);
  if (!certificate) return std::unexpected(certificate.error());
  ++renewed_;
  log::info("certificate of a node renewed", {{"node", node}});
  return wire::RenewReply{.certificate_pem = std::move(*certificate), .ca_pem = parts_.authority.certificatePem()};
}

Result<std::string> Enrolment::sign(const std::string& csr_pem, const std::string& node, const std::string& uid) const {
  return parts_.authority.signRequest(csr_pem, {.common_name = node,
                                                .uris = {nodeUri(uid)},
                                                .usage = tls::Usage::kClient,
                                                .lifetime = certificate_lifetime_,
                                                // Others check it against their wall clocks.
                                                .now = parts_.loop.wallNow()});
}

}  // namespace towpath::agents
