#pragma once
// Who asks, and what they may do. Users come by bearer token or by client certificate; there are three roles and
// nothing finer.
//
// A token is "<id>.<secret>" in hex; the store keeps only the SHA-256 of the secret (private record "api-token/<id>"),
// so that a copy of the database opens nothing. A certificate of our CA names its holder by a URI:
// "towpath://user/<name>" is an administrator, "towpath://viewer/<name>" may read, "towpath://node/<uid>" is an agent,
// whose API is /agent/v1 alone.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/failure.h"
#include "base/error.h"
#include "loop/task.h"

namespace towpath::store {
class Store;
}
namespace towpath::tls {
struct Identity;
}

namespace towpath::apiserver {

enum class Role { kAdmin, kViewer, kNode };

struct User {
  std::string name;  // "admin", "system:node:shop-1"
  std::string uid;
  std::vector<std::string> groups;
  Role role = Role::kViewer;
};

struct TokenInfo {
  std::string id;
  std::string user;
  Role role = Role::kViewer;
};

class Authenticator {
 public:
  // The store outlives it.
  explicit Authenticator(store::Store& store) : store_(store) {}

  // The new token's text: it is known to the caller alone. kAdmin or kViewer.
  loop::Task<Result<std::string>> createToken(std::string user, Role role);
  loop::Task<Result<void>> revokeToken(std::string id);
  std::vector<TokenInfo> tokens() const;

  // By "Bearer <token>" or, without one, by the client's verified certificate. kUnauthorized if there is neither or the
  // token is not known.
  Answer<User> authenticate(std::string_view authorization, const tls::Identity* certificate) const;

 private:
  store::Store& store_;
};

struct Access {
  std::string verb;  // get, list, watch, create, update, patch, delete, deletecollection
  std::string group;
  std::string resource;  // plural
  std::string subresource;
};

// Viewers read everything but Secrets; agents nothing; administrators may do all.
bool isAllowed(const User& user, const Access& access);

}  // namespace towpath::apiserver
