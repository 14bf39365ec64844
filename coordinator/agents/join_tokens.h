#pragma once
// Join tokens: made by an administrator, spent by nodes that enrol. Kept as private records of the store with a hash of
// the secret; the secret itself has 128 random bits, so one round of SHA-256 is enough against guessing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "loop/task.h"
#include "wire/join_token.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::store {
class Store;
}

namespace towpath::agents {

// What a token allows about a name that a Node object already has.
enum class NameReuse { kRefuse, kReplace };

struct TokenOptions {
  Duration ttl = 24h;
  std::int64_t uses = 1;  // 0: any number
  std::string description;
  std::string node_name;  // only a node of this name may use it; empty: any
  NameReuse name_reuse = NameReuse::kRefuse;
};

struct TokenInfo {
  std::string id;
  WallTime created, expires;
  std::optional<std::int64_t> uses_left;  // nullopt: any number
  std::string description, node_name;
  NameReuse name_reuse = NameReuse::kRefuse;
};

struct CreatedToken {
  std::string text;  // the only time that it is known
  TokenInfo info;
};

class JoinTokens {
 public:
  // Both outlive it. `ca_sha256` goes into each token.
  JoinTokens(loop::Loop& loop, store::Store& store, std::string ca_sha256);

  // kInvalid names the field: ttlSeconds, uses, description, nodeName. Expired tokens are swept on the way.
  loop::Task<Result<CreatedToken>> create(TokenOptions options);
  std::vector<TokenInfo> list() const;
  loop::Task<Result<void>> revoke(std::string id);

  // Whether a node of that name may join with this token now: kUnauthorized (unknown, wrong, expired; one message for
  // all, so that ids cannot be probed) or kForbidden (used up, or bound to another name). Nothing is counted.
  Result<TokenInfo> check(const wire::JoinToken& token, std::string_view node_name) const;
  // The same without regard to the uses left: for the repeat of an enrolment whose answer was lost.
  Result<TokenInfo> checkRepeat(const wire::JoinToken& token, std::string_view node_name) const;
  // check(), and one use counted, durably when this has finished.
  loop::Task<Result<TokenInfo>> spend(wire::JoinToken token, std::string node_name);

 private:
  struct Record;
  Result<Record> read(std::string_view id) const;
  loop::Task<void> sweep();

  loop::Loop& loop_;
  store::Store& store_;
  std::string ca_sha256_;
};

// As the REST API shows it.
Value toValue(const TokenInfo& info);

}  // namespace towpath::agents
