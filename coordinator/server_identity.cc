#include "server_identity.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "apiserver/kubeconfig.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/log.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "tls/crypto.h"

namespace towpath::coordinator {

namespace {

constexpr const char* kAuthorityRecord = "ca";
constexpr const char* kTicketRecord = "tls-ticket-key";

bool isAddress(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

std::string hostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

bool isWildcard(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

void add(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
}

}  // namespace

loop::Task<Result<tls::Authority>> openAuthority(store::Store& store, WallTime now) {
  Result<std::optional<std::string>> kept = store.getPrivate(kAuthorityRecord);
  if (!kept) co_return std::unexpected(withContext(kept.error(), "the CA's record"));
  if (*kept) {
    Result<Value> record = json::parse(**kept);
    if (!record) co_return std::unexpected(withContext(record.error(), "the CA's record"));
    co_return tls::Authority::load({(*record)["key"].asString(), (*record)["certificate"].asString()});
  }
  Result<tls::Authority> made = tls::Authority::create("towpath CA", now);
  if (!made) co_return made;
  Value record = Object{{"key", made->keyPem()}, {"certificate", made->certificatePem()}};
  Result<void> stored = co_await store.putPrivate(kAuthorityRecord, json::serialize(record));
  if (!stored) co_return std::unexpected(withContext(stored.error(), "keeping the CA"));
  log::info("made a CA", {{"sha256", made->fingerprint()}});
  co_return made;
}

ServerNames serverNames(const Config& config) {
  ServerNames names{.dns_names = {"localhost"}, .ip_addresses = {"127.0.0.1", "::1"}};
  add(names.dns_names, hostName());
  for (const ListenAddress& address : config.listen) {
    if (!isWildcard(address.host)) add(names.ip_addresses, address.host);
  }
  for (const std::string& name : config.names) add(isAddress(name) ? names.ip_addresses : names.dns_names, name);
  return names;
}

loop::Task<Result<TicketKey>> openTicketKey(store::Store& store) {
  Result<std::optional<std::string>> kept = store.getPrivate(kTicketRecord);
  if (!kept) co_return std::unexpected(withContext(kept.error(), "the ticket key's record"));
  TicketKey key{};
  std::string bytes = kept->value_or("");
  if (bytes.size() != key.size()) {
    bytes = tls::randomBytes(key.size());
    Result<void> stored = co_await store.putPrivate(kTicketRecord, bytes);
    if (!stored) co_return std::unexpected(withContext(stored.error(), "keeping the ticket key"));
  }
  std::memcpy(key.data(), bytes.data(), key.size());
  co_return key;
}

Result<std::unique_ptr<tls::ServerContext>> makeServerContext(const tls::Authority& authority, const ServerNames& names,
                                                              const TicketKey& ticket_key, WallTime now) {
  Result<tls::KeyAndCertificate> own = authority.issue({.common_name = "towpath-coordinator",
                                                        .dns_names = names.dns_names,
                                                        .ip_addresses = names.ip_addresses,
                                                        .usage = tls::Usage::kServer,
                                                        .lifetime = kServerCertificateLifetime,
                                                        .now = now});
  if (!own) return std::unexpected(withContext(own.error(), "the server certificate"));
  // The CA goes with it: agents that join pin it, before they have it.
  return tls::ServerContext::create({.certificate_pem = own->certificate_pem + authority.certificatePem(),
                                     .key_pem = own->key_pem,
                                     .client_ca_pem = authority.certificatePem(),
                                     .client_auth = tls::ClientAuth::kOptional,
                                     .ticket_key = ticket_key});
}

loop::Task<void> keepCertificate(loop::Loop& loop, http::Server& server, const tls::Authority& authority,
                                 ServerNames names, TicketKey ticket_key) {
  for (;;) {
    co_await loop::sleep(loop, kServerCertificateLifetime / 3);
    // Clients check it against their wall clocks.
    Result<std::unique_ptr<tls::ServerContext>> context =
        makeServerContext(authority, names, ticket_key, loop.wallNow());
    if (context)
      server.setTls(std::move(*context));
    else
      log::error("the server certificate could not be renewed", {{"error", context.error().message}});
  }
}

std::string serverUrl(const Config& config, std::uint16_t port) {
  if (!config.advertise_url.empty()) return config.advertise_url;
  ListenAddress address{.host = config.listen.front().host, .port = port};
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return "https://" + toString(address);
}

loop::Task<Result<void>> writeAdminKubeconfig(const std::string& data_dir, std::string url,
                                              const tls::Authority& authority, apiserver::Authenticator& users) {
  const std::string path = data_dir + "/admin.kubeconfig";
  const std::string ca_data = encodeBase64(authority.certificatePem());
  Result<std::string> kept = readFile(path, 1u << 20);
  if (kept && kept->contains(ca_data) && kept->contains(url + "\n")) co_return {};
  Result<std::string> token = co_await users.createToken("admin", apiserver::Role::kAdmin);
  if (!token) co_return std::unexpected(token.error());
  Result<void> written = writeFileAtomically(
      path,
      apiserver::makeKubeconfig({.server = std::move(url), .ca_pem = authority.certificatePem(), .token = *token}),
      0600);
  if (written) log::info("wrote the administrator's kubeconfig", {{"path", path}});
  co_return written;
}

}  // namespace towpath::coordinator
