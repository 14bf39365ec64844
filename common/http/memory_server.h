#pragma once
// MemoryServer: a Transport whose other side is a handler in the same process: no sockets, no parser, and the loop may
// be a virtual one. For tests and the simulator. As over a network, a handler goes on when its client has gone away,
// and only sees closed().

#include <cstddef>
#include <memory>
#include <string>

#include "http/handler.h"
#include "http/transport.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::http {

class MemoryServer final : public Transport {
 public:
  // `handler` and `loop` outlive it; streams that it gave out must be gone before it.
  MemoryServer(loop::Loop& loop, Handler handler, Peer peer = {});
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;
  ~MemoryServer() override;

  Task<Result<Response>> fetch(ClientRequest request) override;
  Task<Result<std::unique_ptr<ResponseStream>>> open(ClientRequest request) override;

  // As if the server were killed: handlers end where they stand, clients see their connections break.
  void cutAll();
  // Requests that came in.
  std::uint64_t requests() const { return requests_; }

 private:
  class Exchange;
  class Stream;
  Task<void> serve(std::shared_ptr<Exchange> exchange);

  loop::Loop& loop_;
  Handler handler_;
  Peer peer_;
  std::uint64_t requests_ = 0;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::http
