#pragma once
// Dialer: requests to the coordinator as this node, and the mapping of its answers to errors.

#include <memory>
#include <string>

#include "base/error.h"
#include "http/client.h"
#include "link/identity.h"
#include "loop/task.h"

namespace towpath::link {

class Dialer {
 public:
  Dialer(loop::UvLoop& loop, std::string coordinator_url);

  void setIdentity(const Identity& identity);
  // Before there is an identity: trust only a server whose chain ends in this CA.
  void pin(std::string ca_sha256);

  // The body of a 200. Other statuses are errors with the kind that the coordinator meant.
  loop::Task<Result<std::string>> post(std::string path, std::string body, http::Headers headers = {});
  // A stream that fails when nothing came for `idle`.
  loop::Task<Result<std::unique_ptr<http::ResponseStream>>> open(std::string path, std::string body, Duration idle);

 private:
  http::ClientRequest request(std::string path, std::string body, http::Headers headers) const;

  std::string url_;
  http::ClientTls tls_;
  http::Client client_;
};

// The error that a status other than 200 stands for.
Error errorOfStatus(int status, std::string_view body);

}  // namespace towpath::link
