#pragma once
// Client: HTTP requests by libcurl on the real loop. Connections are kept and reused, TLS sessions are resumed, so make
// one Client per peer group and keep it. Destroying the task of a request aborts it. Uses OpenSSL inside (that is what
// the packaged libcurl has): TLS 1.3 and the system's CA store.

#include <memory>

#include "http/transport.h"
#include "loop/uv_loop.h"

namespace towpath::http {

class Client final : public Transport {
 public:
  explicit Client(loop::UvLoop& loop);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // Streams and tasks of running requests must be gone.
  ~Client() override;

  Task<Result<Response>> fetch(ClientRequest request) override;
  Task<Result<std::unique_ptr<ResponseStream>>> open(ClientRequest request) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::http
