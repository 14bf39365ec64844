#pragma once
// Credentials: puts what proves our identity into requests: a token, a token file that rotates, what a plugin prints
// until it expires, or basic authentication. Client certificates of the kubeconfig travel with ClusterAccess::tls.

#include <optional>
#include <string>

#include "access/access.h"
#include "base/error.h"
#include "base/time.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace towpath::access {

class Credentials {
 public:
  static constexpr Duration kTokenFileAge = std::chrono::seconds(10);  // then the file is read again
  static constexpr Duration kLeeway = std::chrono::seconds(10);        // before the expiry that a plugin states

  // Both outlive it.
  Credentials(loop::Loop& loop, const ClusterAccess& access);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // May read a file or run the plugin; callers that come meanwhile wait for the same run. kUnauthorized with what the
  // plugin had to say, kNotFound with its install hint.
  loop::Task<Result<void>> addTo(http::ClientRequest& request);
  // The server answered 401 to such a request: what is remembered is old. False if there is nothing that could change.
  bool renew();

 private:
  struct Held {
    std::string token;
    std::string certificate_pem, key_pem;
    std::optional<WallTime> expires;  // as a plugin said it; nullopt: until it is rejected
    MonoTime taken;
  };
  bool fresh() const;
  loop::Task<Result<void>> refresh();
  Result<Held> readTokenFile() const;
  loop::Task<Result<Held>> runPlugin() const;

  loop::Loop& loop_;
  const ClusterAccess& access_;
  std::optional<Held> held_;
  loop::Semaphore one_at_a_time_;
};

// What a plugin printed: an ExecCredential of that version. kInvalid.
struct ExecCredential {
  std::string token;
  std::string certificate_pem, key_pem;
  std::optional<WallTime> expires;
};
Result<ExecCredential> readExecCredential(const std::string& text, const std::string& api_version);
// KUBERNETES_EXEC_INFO: what the plugin is told.
std::string execInfo(const ExecPlugin& plugin, const ClusterAccess& access);

}  // namespace towpath::access
