#pragma once
// Joining and renewing: how a node gets its certificate (docs/protocol.md).

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "link/dialer.h"
#include "link/identity.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::link {

struct JoinOptions {
  std::string join_token;
  std::string node_name;
  wire::NodeInfo info;
  Duration redial_first = 1s;
  Duration redial_max = 30s;
};

// The identity on the disk, or a new one by the join token. Tries an unreachable coordinator again and again; what
// trying cannot mend is an error: no identity and no token (kInvalid), a token that is refused (kUnauthorized,
// kForbidden), a CA that is not the pinned one (kUnauthorized), an identity of another name (kInvalid).
loop::Task<Result<Identity>> joinOnce(loop::Loop& loop, Dialer& dialer, const IdentityFiles& files,
                                      JoinOptions options);

// Past two thirds of its life, or unreadable.
bool needsRenewal(std::string_view certificate_pem, WallTime now);
// A new key and certificate for the same node.
loop::Task<Result<Identity>> renewIdentity(Dialer& dialer, const Identity& identity);

}  // namespace towpath::link
