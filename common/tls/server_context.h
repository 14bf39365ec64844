#pragma once
// ServerContext: what all TLS connections of a server share: certificate, key, the CA that clients are checked against,
// the key that seals session tickets. ServerSession: one connection, between two byte streams in memory; it does no
// I/O. TLS 1.2 and newer only, curves P-256, X25519, P-384.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "tls/identity.h"

namespace towpath::tls {

enum class ClientAuth {
  kNone,      // no certificate is asked for
  kOptional,  // asked for; one that does not verify ends the handshake, none is fine
  kRequired,  // the handshake fails without a valid one
};

struct ServerContextOptions {
  std::string certificate_pem;  // the leaf first, then its chain
  std::string key_pem;
  std::string client_ca_pem;  // may hold several; needed unless ClientAuth::kNone
  ClientAuth client_auth = ClientAuth::kNone;
  // Seals session tickets. Kept by the owner across restarts, a client then resumes with a restarted server.
  std::array<std::uint8_t, 32> ticket_key{};
  Duration ticket_lifetime = 24h;
  // The wall clock, for ticket ages; std::chrono::system_clock if empty.
  std::function<WallTime()> wall_now;
  // Asked when a ticket with a client certificate is presented and after a full handshake: false refuses (a revoked or
  // removed node).
  std::function<bool(const Identity&)> accept_client;
};

class ServerSession;

class ServerContext {
 public:
  static Result<std::unique_ptr<ServerContext>> create(ServerContextOptions options);
  ~ServerContext();

  // The session must not outlive the context.
  std::unique_ptr<ServerSession> newSession();

 private:
  friend class ServerSession;
  struct Impl;
  explicit ServerContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class ServerSession {
 public:
  ~ServerSession();

  // Takes what came from the network, does the handshake as far as it goes and appends decrypted bytes to `plain`. An
  // error ends the connection (send output() first: it may hold an alert).
  Result<void> receive(std::string_view cipher, std::string& plain);
  // Encrypts; only after the handshake.
  Result<void> send(std::string_view plain);
  // Says good-bye (close_notify) into output().
  void close();
  // What is to be sent to the network; the caller takes it and clears it.
  std::string& output();

  bool handshakeDone() const;
  bool resumed() const;  // by a session ticket
  bool peerClosed() const;
  // The verified client certificate.
  const std::optional<Identity>& client() const;

 private:
  friend class ServerContext;
  struct Impl;
  explicit ServerSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::tls
