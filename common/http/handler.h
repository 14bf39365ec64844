#pragma once
// What a handler of requests sees: the request and the way to answer it. It cannot tell whether they came over a socket
// (server.h) or from a caller in the same process (memory_server.h).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "http/message.h"
#include "loop/event.h"
#include "loop/task.h"
#include "tls/identity.h"

namespace towpath::http {

using loop::Task;

// Who is on the other side.
struct Peer {
  std::string address;     // "192.0.2.7" or "::1"; empty on a unix socket
  std::uint16_t port = 0;  // 0 on a unix socket
  bool is_unix = false;
  bool is_tls = false;
  std::optional<tls::Identity> certificate;  // of the client, verified against the CA; only if it sent one
};

// Where the body of a request comes from: a connection, or memory.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // See Request::readBody().
  virtual Task<Result<std::optional<std::string>>> readBody() = 0;
  // The handler's limit is passed: what is left is not wanted.
  virtual void refuseBody(const Error& error) = 0;
};

class Request {
 public:
  std::string method;                 // as sent: "GET"
  std::string target;                 // as sent: "/api/v1/pods?watch=1"
  std::string path;                   // the part before '?', as sent
  std::vector<std::string> segments;  // of the path, decoded: {"api", "v1", "pods"}; none is empty, "." or ".."
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  Peer peer;

  // The first value of that name, or nullptr.
  const std::string* queryValue(std::string_view name) const;
  // True for "1", "t", "true" and the bare name, as Kubernetes reads booleans of a query.
  bool queryFlag(std::string_view name) const;

  // Fills path, segments and query from method and target; false if the target is malformed.
  bool splitTarget();
  void setBody(BodySource& source) { body_ = &source; }

  // The whole body. kTooLarge, kTimeout (the client stalled), kInvalid (bad chunk), kCancelled (the client went away).
  Task<Result<std::string>> body(std::size_t limit = limits::kBodyBytes);
  // The next piece of the body as it comes, for long uploads; nullopt at its end. Errors as above, without a limit of
  // size.
  Task<Result<std::optional<std::string>>> readBody();

 private:
  BodySource* body_ = nullptr;  // outlives the handler
};

// Answers one request: either send(), or start(), then write()/trySend() any number of times, then finish(). A handler
// that returns before finish() has it done for it. For HEAD only the head goes out: write() and trySend() then fail at
// once, so that an endless stream ends too.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // A whole response; sets Content-Length. Finishes when the bytes are handed to the kernel, up to a bounded rest.
  virtual Task<Result<void>> send(int status, Headers headers, std::string body) = 0;

  // Begins a streamed response (chunked, unless the headers give a Content-Length). The head goes out with the first
  // chunk or on flush.
  virtual void start(int status, Headers headers) = 0;
  // Sends a piece; waits while the client is slow (kTimeout if it takes nothing for the stall time, kCancelled if it
  // went away).
  virtual Task<Result<void>> write(std::string_view piece) = 0;
  // Never waits: queues what the kernel does not take, and cuts the client off when limits::kWatchQueueBytes would be
  // passed (the counter cut_off rises). False if the client is gone or was cut off.
  virtual bool trySend(std::string_view piece) = 0;
  // Ends a streamed response.
  virtual Task<Result<void>> finish() = 0;

  virtual bool started() const = 0;
  // Unsent bytes.
  virtual std::size_t queued() const = 0;
  // Set when a streamed response should end: the client went away or was cut off, or the server shuts down. Return from
  // the handler.
  virtual loop::Event& closed() = 0;
  // The client is gone (not merely: we shut down).
  virtual bool clientGone() const = 0;
};

using Handler = std::function<Task<void>(Request&, ResponseWriter&)>;

}  // namespace towpath::http
