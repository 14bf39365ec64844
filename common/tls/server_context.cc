#include "tls/server_context.h"

#include "tls/x509.h"
// After x509.h, which decides what the structures show.
#include <malloc.h>
#include <mbedtls/ssl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "tls/crypto.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

namespace towpath::tls {

namespace {
using Config = Owned<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;
using Ssl = Owned<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;

// The default order begins with P-521, which costs a third more CPU in a full handshake.
#if MBEDTLS_VERSION_MAJOR >= 3
constexpr std::uint16_t kGroups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                     MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
#else
constexpr mbedtls_ecp_group_id kGroups[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
                                            MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};
#endif

constexpr std::size_t kLargeRecord = 2048;
constexpr std::size_t kBufferHead = 512;  // the record counters live there

// The pages of a buffer past its head hold nothing while no record is in it; they come back as zeros when they are
// touched again. `buffer`: as it was allocated.
void giveBack(unsigned char* buffer) {
  const std::size_t size = malloc_usable_size(buffer);
  static const auto kPage = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto from = (reinterpret_cast<std::uintptr_t>(buffer) + kBufferHead + kPage - 1) / kPage * kPage;
  const auto to = (reinterpret_cast<std::uintptr_t>(buffer) + size) / kPage * kPage;
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}
}  // namespace

struct ServerContext::Impl {
  Result<void> configure();
  WallTime now() const { return options.wall_now ? options.wall_now() : WallTime(std::chrono::system_clock::now()); }
  std::string_view ticketKey() const {
    return {reinterpret_cast<const char*>(options.ticket_key.data()), options.ticket_key.size()};
  }
  bool accepts(const Identity& client) const { return !options.accept_client || options.accept_client(client); }
  int writeTicket(const mbedtls_ssl_session& session, std::span<unsigned char> out, std::size_t& size,
                  std::uint32_t& lifetime) const;
  int parseTicket(mbedtls_ssl_session& session, std::string_view ticket);

  ServerContextOptions options;
  std::string ticket_context;  // tickets of another set of trusted CAs do not open
  OwnedCertificate chain;
  OwnedKey key;
  OwnedCertificate client_ca;
  Config config;
  bool ticket_accepted = false;  // set while a session is in receive()
};

struct ServerSession::Impl {
  explicit Impl(ServerContext::Impl& owner) : context(owner) {}
  Result<void> handshake();
  Result<void> finishHandshake();
  Result<void> readAll(std::string& plain);
  void slim(std::size_t record);

  ServerContext::Impl& context;
  Ssl ssl;
  std::string_view input;  // valid during receive()
  std::string output;
  bool done = false;
  bool resumed = false;
  bool peer_closed = false;
  bool grown = false;  // a large record went through since the buffers were slimmed
  std::optional<Identity> client;
};

namespace {

void putTime(std::string& out, WallTime time) {
  const std::int64_t count = time.time_since_epoch().count();
  out.append(reinterpret_cast<const char*>(&count), sizeof count);
}

WallTime takeTime(std::string_view bytes) {
  std::int64_t count = 0;
  std::memcpy(&count, bytes.data(), sizeof count);
  return WallTime(Duration(count));
}

Error mbedError(const std::string& what, int error) { return mbedtlsError(ErrorKind::kInvalid, what, error); }

const unsigned char* bytesOf(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* mutableBytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

// A ticket is the whole session, client certificate included, with the time of issue, sealed.
int ServerContext::Impl::writeTicket(const mbedtls_ssl_session& session, std::span<unsigned char> out,
                                     std::size_t& size, std::uint32_t& lifetime) const {
  std::string plain;
  putTime(plain, now());
  std::size_t session_size = 0;
  mbedtls_ssl_session_save(&session, nullptr, 0, &session_size);
  const std::size_t head = plain.size();
  plain.resize(head + session_size);
  if (const int error = mbedtls_ssl_session_save(&session, mutableBytes(plain) + head, session_size, &session_size)) {
    return error;
  }
  const std::string sealed = seal(ticketKey(), plain, ticket_context);
  if (sealed.size() > out.size()) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  std::copy(sealed.begin(), sealed.end(), out.begin());
  size = sealed.size();
  lifetime =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(options.ticket_lifetime).count());
  return 0;
}

// An error here is no failure: the library then does a full handshake.
int ServerContext::Impl::parseTicket(mbedtls_ssl_session& session, std::string_view ticket) {
  const Result<std::string> plain = unseal(ticketKey(), ticket, ticket_context);
  if (!plain || plain->size() < sizeof(std::int64_t)) return MBEDTLS_ERR_SSL_INVALID_MAC;
  const Duration age = now() - takeTime(*plain);
  if (age < -1h || age > options.ticket_lifetime) return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
  const std::string_view saved = std::string_view(*plain).substr(sizeof(std::int64_t));
  if (const int error = mbedtls_ssl_session_load(&session, bytesOf(saved), saved.size())) return error;
  if (session.peer_cert) {
    const Identity client = identityOf(*session.peer_cert);
    if (client.not_after < now() || !accepts(client)) return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
  }
  ticket_accepted = true;
  return 0;
}

Result<void> ServerContext::Impl::configure() {
  if (Result<void> parsed = parseCertificate(options.certificate_pem, chain); !parsed) return parsed;
  if (Result<void> parsed = parseKey(options.key_pem, key); !parsed) return parsed;
  if (!belongTogether(chain->pk, key))
    return fail(ErrorKind::kInvalid, "the private key does not belong to the certificate");
  const bool asks = options.client_auth != ClientAuth::kNone;
  if (asks) {
    if (Result<void> parsed = parseCertificate(options.client_ca_pem, client_ca); !parsed) return parsed;
  }
  ticket_context = sha256Hex(asks ? options.client_ca_pem : "") + std::to_string(static_cast<int>(options.client_auth));
  mbedtls_ssl_config* conf = config.get();
  if (const int error = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                    MBEDTLS_SSL_PRESET_DEFAULT)) {
    return std::unexpected(mbedError("TLS set-up", error));
  }
  mbedtls_ssl_conf_rng(conf, randomForMbedtls, nullptr);
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_groups(conf, kGroups);
#else
  mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_curves(conf, kGroups);
#endif
  if (asks) mbedtls_ssl_conf_ca_chain(conf, client_ca.get(), nullptr);
  mbedtls_ssl_conf_authmode(conf, options.client_auth == ClientAuth::kNone       ? MBEDTLS_SSL_VERIFY_NONE
                                  : options.client_auth == ClientAuth::kOptional ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                                                 : MBEDTLS_SSL_VERIFY_REQUIRED);
  if (const int error = mbedtls_ssl_conf_own_cert(conf, chain.get(), key.get())) {
    return std::unexpected(mbedError("the certificate and its key", error));
  }
  mbedtls_ssl_conf_session_tickets_cb(
      conf,
      [](void* self, const mbedtls_ssl_session* session, unsigned char* start, const unsigned char* end,
         std::size_t* size, std::uint32_t* lifetime) {
        return static_cast<Impl*>(self)->writeTicket(*session, {start, static_cast<std::size_t>(end - start)}, *size,
                                                     *lifetime);
      },
      [](void* self, mbedtls_ssl_session* session, unsigned char* ticket, std::size_t size) {
        return static_cast<Impl*>(self)->parseTicket(*session, {reinterpret_cast<const char*>(ticket), size});
      },
      this);
  return {};
}

ServerContext::ServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerContext::~ServerContext() = default;

Result<std::unique_ptr<ServerContext>> ServerContext::create(ServerContextOptions options) {
#if MBEDTLS_VERSION_MAJOR >= 3
  psa_crypto_init();
#endif
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  if (Result<void> configured = impl->configure(); !configured) return std::unexpected(configured.error());
  return std::unique_ptr<ServerContext>(new ServerContext(std::move(impl)));
}

std::unique_ptr<ServerSession> ServerContext::newSession() {
  auto session = std::make_unique<ServerSession::Impl>(*impl_);
  const int error = mbedtls_ssl_setup(session->ssl.get(), impl_->config.get());
  TOWPATH_ASSERT(error == 0, "memory for a TLS connection");
  mbedtls_ssl_set_bio(
      session->ssl.get(), session.get(),
      [](void* self, const unsigned char* bytes, std::size_t size) {
        static_cast<ServerSession::Impl*>(self)->output.append(reinterpret_cast<const char*>(bytes), size);
        return static_cast<int>(size);
      },
      [](void* self, unsigned char* bytes, std::size_t size) {
        std::string_view& input = static_cast<ServerSession::Impl*>(self)->input;
        if (input.empty()) return MBEDTLS_ERR_SSL_WANT_READ;
        const std::size_t count = std::min(size, input.size());
        std::memcpy(bytes, input.data(), count);
        input.remove_prefix(count);
        return static_cast<int>(count);
      },
      nullptr);
  return std::unique_ptr<ServerSession>(new ServerSession(std::move(session)));
}

Result<void> ServerSession::Impl::handshake() {
  context.ticket_accepted = false;
  const int error = mbedtls_ssl_handshake(ssl.get());
  // The ticket comes with the client's first message, the end of the handshake in a later call.
  resumed = resumed || context.ticket_accepted;
  if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE) return {};
  if (error != 0) return std::unexpected(mbedError("TLS handshake", error));
  return finishHandshake();
}

Result<void> ServerSession::Impl::finishHandshake() {
  done = true;
  const mbedtls_x509_crt* certificate = mbedtls_ssl_get_peer_cert(ssl.get());
  if (!certificate || context.options.client_auth == ClientAuth::kNone) return {};
  client = identityOf(*certificate);
  const bool verified = mbedtls_ssl_get_verify_result(ssl.get()) == 0;
  if (verified && context.accepts(*client)) return {};
  done = false;
  client.reset();
  mbedtls_ssl_send_alert_message(ssl.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
  return fail(ErrorKind::kUnauthorized, verified ? "the client's certificate is not accepted any more"
                                                 : "the client's certificate does not verify");
}

Result<void> ServerSession::Impl::readAll(std::string& plain) {
  for (;;) {
    unsigned char piece[4096];
    const int count = mbedtls_ssl_read(ssl.get(), piece, sizeof piece);
    if (count > 0) {
      plain.append(reinterpret_cast<const char*>(piece), static_cast<std::size_t>(count));
      continue;
    }
    if (count == MBEDTLS_ERR_SSL_WANT_READ || count == MBEDTLS_ERR_SSL_WANT_WRITE) return {};
    if (count == 0 || count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
      peer_closed = true;
      return {};
    }
    return std::unexpected(mbedError("TLS record", count));
  }
}

// mbedTLS keeps two buffers of 17 KB for a connection's whole life, and each page that a large record has touched stays
// resident: of 10,000 agents, most of the coordinator's memory. A small record after large ones says that the
// connection has come to rest.
void ServerSession::Impl::slim(std::size_t record) {
  if (!done || record >= kLargeRecord) {
    grown = true;
    return;
  }
  mbedtls_ssl_context& all = *ssl.get();
  if (!grown || all.in_left != 0 || all.in_offt != nullptr || all.out_left != 0) {
    return;
  }
  giveBack(all.in_buf);
  giveBack(all.out_buf);
  grown = false;
}

ServerSession::ServerSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerSession::~ServerSession() = default;

Result<void> ServerSession::receive(std::string_view cipher, std::string& plain) {
  impl_->input = cipher;
  Result<void> result;
  if (!impl_->done) result = impl_->handshake();
  if (result && impl_->done) result = impl_->readAll(plain);
  impl_->input = {};
  if (result) impl_->slim(cipher.size());
  return result;
}

Result<void> ServerSession::send(std::string_view plain) {
  const std::size_t size = plain.size();
  if (!impl_->done) return fail(ErrorKind::kInternal, "the handshake is not done");
  while (!plain.empty()) {
    const int count = mbedtls_ssl_write(impl_->ssl.get(), bytesOf(plain), plain.size());
    if (count <= 0) return std::unexpected(mbedError("TLS record", count));
    plain.remove_prefix(static_cast<std::size_t>(count));
  }
  impl_->slim(size);
  return {};
}

void ServerSession::close() { mbedtls_ssl_close_notify(impl_->ssl.get()); }
std::string& ServerSession::output() { return impl_->output; }
bool ServerSession::handshakeDone() const { return impl_->done; }
bool ServerSession::resumed() const { return impl_->resumed; }
bool ServerSession::peerClosed() const { return impl_->peer_closed; }
const std::optional<Identity>& ServerSession::client() const { return impl_->client; }

}  // namespace towpath::tls
