#pragma once
// Transport: the port through which a client speaks HTTP. client.h is the adapter onto real sockets, memory_server.h
// the one that a handler in the same process answers, under virtual time as well. Destroying a task or a stream aborts
// its request; the other side may have carried it out all the same.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "http/message.h"
#include "loop/task.h"

namespace towpath::http {

using loop::Task;

enum class Http2 { kNo, kAllow };
enum class Compression { kNo, kAllow };
enum class Verify { kYes, kNo };

struct ClientTls {
  std::string ca_pem;           // trust exactly these; empty: ca_file, and if that is empty too, the system's
  std::string ca_file;          //
  std::string certificate_pem;  // of this client, with key_pem; or the files
  std::string key_pem;
  std::string certificate_file;
  std::string key_file;
  // Name that the server's certificate must carry instead of the URL's host; the connection goes to the URL's host.
  std::string expected_name;
  // SHA-256 (lower-case hex) of the DER of a CA certificate, when ca_pem is not known yet (a join token pins the CA
  // so): the chain that the server sends must contain that certificate, which is then the only one trusted. Costs one
  // more connection.
  std::string pinned_ca_sha256;
  Verify verify = Verify::kYes;  // kNo: for a user who said so
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // "https://host:6443/api/v1/pods?limit=5"
  Headers headers;
  std::string body;  // sent with Content-Length, also if empty for POST, PUT and PATCH
  std::string bearer_token;
  std::string unix_socket;  // connect here; the URL gives only Host and path
  ClientTls tls;
  Http2 http2 = Http2::kNo;
  Compression compression = Compression::kNo;  // kAllow: the body is asked for and unpacked as gzip
  std::string proxy;  // "http://…", "https://…" or "socks5://…"; empty: as the environment says
  Duration connect_timeout = 10s;
  Duration timeout = 30s;                    // the whole exchange; zero: none (watches)
  Duration idle_timeout = Duration::zero();  // nothing received for that long; zero: none
  std::size_t max_response_bytes = 64u << 20;
  int max_redirects = 0;  // not followed unless asked
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

// A response whose body is read as it comes: a watch, a log. Destroying it aborts the transfer. One reader.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  // The next bytes as they come (never empty); nullopt at the proper end; an error if the connection broke or idled too
  // long. While nobody reads, at most `max_response_bytes` or 256 KB are held, then the transfer pauses.
  virtual Task<Result<std::optional<std::string>>> read() = 0;
  // The next line without its "\n"; nullopt at the end. kTooLarge for a line over `limit` bytes.
  virtual Task<Result<std::optional<std::string>>> readLine(std::size_t limit) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Any HTTP status is a response. Errors: kUnavailable (no connection, broken off), kTimeout, kTooLarge, kUnauthorized
  // (TLS: the certificate is not trusted or the name differs), kInvalid (bad URL, key or CA).
  virtual Task<Result<Response>> fetch(ClientRequest request) = 0;
  // Finishes when the headers are there. `timeout` bounds only that part.
  virtual Task<Result<std::unique_ptr<ResponseStream>>> open(ClientRequest request) = 0;
};

}  // namespace towpath::http
