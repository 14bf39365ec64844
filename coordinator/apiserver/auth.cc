#include "apiserver/auth.h"

#include <fmt/format.h>

#include "json/parse.h"
#include "json/serialize.h"
#include "store/store.h"
#include "tls/crypto.h"
#include "tls/identity.h"

namespace towpath::apiserver {
namespace {

constexpr std::string_view kRecordPrefix = "api-token/";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kIdBytes = 5;

User makeUser(std::string name, Role role) {
  User user{.name = std::move(name), .groups = {"system:authenticated"}, .role = role};
  switch (role) {
    case Role::kAdmin:
      user.groups.emplace_back("system:masters");
      break;
    case Role::kViewer:
      user.groups.emplace_back("towpath:viewers");
      break;
    case Role::kNode:
      user.groups.emplace_back("system:nodes");
      break;
  }
  return user;
}

std::optional<User> userOfCertificate(const tls::Identity& certificate) {
  for (const std::string_view uri : certificate.uris) {
    constexpr std::string_view kUser = "towpath://user/", kViewer = "towpath://viewer/", kNode = "towpath://node/";
    if (uri.starts_with(kUser)) return makeUser(std::string(uri.substr(kUser.size())), Role::kAdmin);
    if (uri.starts_with(kViewer)) return makeUser(std::string(uri.substr(kViewer.size())), Role::kViewer);
    if (!uri.starts_with(kNode)) continue;
    auto user = makeUser(certificate.common_name, Role::kNode);
    user.uid = uri.substr(kNode.size());
    return user;
  }
  return std::nullopt;
}

}  // namespace

loop::Task<Result<std::string>> Authenticator::createToken(std::string user, Role role) {
  const auto id = tls::toHex(tls::randomBytes(kIdBytes)), secret = tls::toHex(tls::randomBytes(kSecretBytes));
  auto record = json::serialize(Object{{"user", std::move(user)},
                                       {"role", role == Role::kAdmin ? "admin" : "viewer"},
                                       {"sha256", tls::sha256Hex(secret)}});
  auto stored = co_await store_.putPrivate(fmt::format("{}{}", kRecordPrefix, id), std::move(record));
  if (!stored) co_return std::unexpected(stored.error());
  co_return fmt::format("{}.{}", id, secret);
}

loop::Task<Result<void>> Authenticator::revokeToken(std::string id) {
  co_return co_await store_.erasePrivate(fmt::format("{}{}", kRecordPrefix, id));
}

std::vector<TokenInfo> Authenticator::tokens() const {
  std::vector<TokenInfo> tokens;
  for (const auto& name : store_.listPrivate(kRecordPrefix)) {
    const auto record = store_.getPrivate(name);
    if (!record || !*record) continue;
    const auto tree = json::parse(**record);
    if (!tree) continue;
    const auto role = (*tree)["role"].asStringView() == "admin" ? Role::kAdmin : Role::kViewer;
    tokens.push_back({name.substr(kRecordPrefix.size()), (*tree)["user"].asString(), role});
  }
  return tokens;
}

Answer<User> Authenticator::authenticate(std::string_view authorization, const tls::Identity* certificate) const {
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.starts_with(kBearer)) {
    const auto token = authorization.substr(kBearer.size());
    const auto dot = std::min(token.find('.'), token.size());
    const auto secret = token.substr(std::min(dot + 1, token.size()));
    const auto record = store_.getPrivate(fmt::format("{}{}", kRecordPrefix, token.substr(0, dot)));
    const auto tree = record && *record ? json::parse(**record) : Result<Value>(Value());
    if (tree && tls::equalInConstantTime((*tree)["sha256"].asStringView(), tls::sha256Hex(secret))) {
      return makeUser((*tree)["user"].asString(),
                      (*tree)["role"].asStringView() == "admin" ? Role::kAdmin : Role::kViewer);
    }
    return refuse(Reason::kUnauthorized, "Unauthorized: the bearer token is not known");
  }
  if (certificate != nullptr) {
    if (auto user = userOfCertificate(*certificate)) return std::move(*user);
  }
  return refuse(Reason::kUnauthorized, "Unauthorized: give a bearer token or a client certificate");
}

bool isAllowed(const User& user, const Access& access) {
  switch (user.role) {
    case Role::kAdmin:
      return true;
    case Role::kNode:
      return false;
    case Role::kViewer:
      break;
  }
  const bool asks_about_itself =
      access.verb == "create" && (access.group == "authorization.k8s.io" || access.group == "authentication.k8s.io");
  const bool reads = access.verb == "get" || access.verb == "list" || access.verb == "watch";
  return asks_about_itself || (reads && !(access.group.empty() && access.resource == "secrets"));
}

}  // namespace towpath::apiserver
