#pragma once
// Who the coordinator is: its CA, its server certificate, the key of its session tickets, and the administrator's
// kubeconfig. CA and ticket key are private records of the store, made at the first start.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/auth.h"
#include "base/error.h"
#include "base/time.h"
#include "config.h"
#include "http/server.h"
#include "loop/loop.h"
#include "store/store.h"
#include "tls/authority.h"
#include "tls/server_context.h"

namespace towpath::coordinator {

loop::Task<Result<tls::Authority>> openAuthority(store::Store& store, WallTime now);

// The ways to reach us that the certificate must carry: localhost, this host's name, listen addresses, configured
// names.
struct ServerNames {
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
};
ServerNames serverNames(const Config& config);

using TicketKey = std::array<std::uint8_t, 32>;
loop::Task<Result<TicketKey>> openTicketKey(store::Store& store);

// A context with a certificate made just now. Short-lived: the daemon makes another before it ends, and at each start.
inline constexpr Duration kServerCertificateLifetime = std::chrono::hours(24 * 90);
Result<std::unique_ptr<tls::ServerContext>> makeServerContext(const tls::Authority& authority, const ServerNames& names,
                                                              const TicketKey& ticket_key, WallTime now);

// Gives the server a new certificate long before the old one ends; connections keep the one that they began with.
loop::Task<void> keepCertificate(loop::Loop& loop, http::Server& server, const tls::Authority& authority,
                                 ServerNames names, TicketKey ticket_key);

// "https://127.0.0.1:7443": what clients of this machine use, unless configured.
std::string serverUrl(const Config& config, std::uint16_t port);

// Writes <data_dir>/admin.kubeconfig (0600) with a new administrator's token if it is not there or is of another
// address or CA.
loop::Task<Result<void>> writeAdminKubeconfig(const std::string& data_dir, std::string url,
                                              const tls::Authority& authority, apiserver::Authenticator& users);

}  // namespace towpath::coordinator
