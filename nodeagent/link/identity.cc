#include "link/identity.h"

#include <unistd.h>

#include "base/file.h"
#include "base/value.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::link {

namespace {

constexpr const char* kIdentity = "/identity.json";
constexpr const char* kJoining = "/joining.json";

// nullopt if there is no such file.
Result<std::optional<Value>> readObject(const std::string& path) {
  Result<std::string> text = readFile(path, 1u << 20);
  if (!text && text.error().kind == ErrorKind::kNotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  Result<Value> value = json::parse(*text);
  if (!value || !value->isObject()) {
    return fail(ErrorKind::kCorrupt, path + " is damaged: remove it and join again with a new token");
  }
  return std::optional<Value>(std::move(*value));
}

}  // namespace

Result<std::optional<Identity>> IdentityFiles::load() const {
  Result<std::optional<Value>> value = readObject(directory_ + kIdentity);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  const Value& read = **value;
  Identity identity{.node_name = read["nodeName"].asString(),
                    .node_uid = read["nodeUid"].asString(),
                    .key_pem = read["key"].asString(),
                    .certificate_pem = read["certificate"].asString(),
                    .ca_pem = read["ca"].asString()};
  if (identity.key_pem.empty() || identity.certificate_pem.empty() || identity.ca_pem.empty()) {
    return fail(ErrorKind::kCorrupt, directory_ + kIdentity + " is damaged: remove it and join again with a new token");
  }
  return identity;
}

Result<void> IdentityFiles::save(const Identity& identity) const {
  Value value;
  value["nodeName"] = identity.node_name;
  value["nodeUid"] = identity.node_uid;
  value["key"] = identity.key_pem;
  value["certificate"] = identity.certificate_pem;
  value["ca"] = identity.ca_pem;
  return writeFileAtomically(directory_ + kIdentity, json::serializePretty(value), 0600);
}

Result<std::optional<Joining>> IdentityFiles::loadJoining() const {
  Result<std::optional<Value>> value = readObject(directory_ + kJoining);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  return Joining{.node_name = (**value)["nodeName"].asString(),
                 .key_pem = (**value)["key"].asString(),
                 .csr_pem = (**value)["request"].asString()};
}

Result<void> IdentityFiles::saveJoining(const Joining& joining) const {
  Value value;
  value["nodeName"] = joining.node_name;
  value["key"] = joining.key_pem;
  value["request"] = joining.csr_pem;
  return writeFileAtomically(directory_ + kJoining, json::serializePretty(value), 0600);
}

void IdentityFiles::removeJoining() const { ::unlink((directory_ + kJoining).c_str()); }

}  // namespace towpath::link
