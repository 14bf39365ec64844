#pragma once
// RequestParser: one HTTP/1.x request from bytes, incrementally. Only parser.cc knows which library does it. Strict:
// what two parsers could understand differently is refused, so that nothing can be smuggled past a proxy.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace towpath::http {

struct RequestHead {
  std::string method;
  std::string target;
  bool is_http_1_0 = false;
  Headers headers;
  bool keep_alive = false;
  bool expects_continue = false;
  bool has_body = false;
};

class RequestParser {
 public:
  enum class State { kHead, kBody, kDone, kBad };

  explicit RequestParser(std::size_t head_limit);
  ~RequestParser();

  // Takes what it can from the front of `input` and says how many bytes; those it leaves must come again, with more
  // behind. Stops after the head, after that appends the body's bytes to `body`. Bytes after the request are left
  // alone.
  std::size_t feed(std::string_view input, std::string& body);

  State state() const;
  // Valid from kBody on.
  const RequestHead& head() const;
  // In kBad: the HTTP status to refuse it with, and why.
  int badStatus() const;
  const std::string& badReason() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::http
