#pragma once
// Enrolment: a join token and a certificate request become a Node object and a certificate; renewal makes a new
// certificate for the same node. The rules are in docs/protocol.md.

#include <cstdint>
#include <string>

#include "agents/join_tokens.h"
#include "base/error.h"
#include "base/time.h"
#include "cluster/object_api.h"
#include "loop/event.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::store {
class Store;
}
namespace towpath::tls {
class Authority;
}

namespace towpath::agents {

class Enrolment {
 public:
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
    const tls::Authority& authority;
    JoinTokens& tokens;
  };
  Enrolment(Parts parts, Duration certificate_lifetime);

  // kUnauthorized or kForbidden (the token, or the name is taken), kInvalid (name, certificate request), or what the
  // store said.
  loop::Task<Result<wire::EnrolReply>> enrol(wire::EnrolRequest request);
  // For the node of that name and UID, which has been authenticated.
  Result<wire::RenewReply> renew(const std::string& node, const std::string& uid, const wire::RenewRequest& request);

  std::uint64_t enrolled() const { return enrolled_; }
  std::uint64_t renewed() const { return renewed_; }

 private:
  loop::Task<Result<std::string>> takeName(const wire::EnrolRequest& request, const wire::JoinToken& token,
                                           const std::string& request_hash);
  loop::Task<Result<std::string>> makeNodeObject(const wire::EnrolRequest& request, const std::string& request_hash);
  Result<std::string> sign(const std::string& csr_pem, const std::string& node, const std::string& uid) const;

  Parts parts_;
  Duration certificate_lifetime_;
  loop::Semaphore turn_;  // one enrolment at a time: a name is looked for and taken without another in between
  std::uint64_t enrolled_ = 0;
  std::uint64_t renewed_ = 0;
};

// "towpath://node/<uid>": how a node's certificate carries its UID.
std::string nodeUri(const std::string& uid);

}  // namespace towpath::agents
