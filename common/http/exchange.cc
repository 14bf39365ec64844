#include <charconv>
#include <ctime>
#include <exception>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "http/connection.h"

namespace towpath::http {

namespace {

constexpr std::size_t kDrainBytes = 256u << 10;  // of an unread body, read away to keep the connection
constexpr std::size_t kQueueHigh = 256u << 10;   // unsent bytes past which write() waits
constexpr std::size_t kQueueLow = 64u << 10;

int statusOf(const Error& error) {
  if (error.kind == ErrorKind::kTooLarge) return 413;
  if (error.kind == ErrorKind::kTimeout) return 408;
  return 400;
}

// "Mon, 23 Nov 2026 13:00:00 GMT" (RFC 9110 section 5.6.7), made once a second.
const std::string& httpDate(WallTime now) {
  static thread_local std::time_t last = -1;
  static thread_local std::string text;
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (seconds != last) {
    std::tm broken{};
    gmtime_r(&seconds, &broken);
    char buffer[40];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &broken));
    last = seconds;
  }
  return text;
}

// A line end in a value would let it add headers of its own.
void appendField(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  for (const char c : value) head.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  head += "\r\n";
}

bool mayHaveBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

Task<bool> Connection::waitForRequest() {
  for (;;) {
    // RFC 9112 section 2.2: empty lines before a request are skipped.
    in_.erase(0, in_.find_first_not_of("\r\n"));
    if (!in_.empty() && socket_) break;
    if (in_.empty()) in_ = std::string();  // an idle connection keeps no buffer
    resumeReading();
    if (!open() || timed_out_ || host_.draining) co_return false;
    if (!deadline_.pending()) setDeadline(host_.options.idle_timeout);
    co_await changed_.wait();
  }
  setDeadline(host_.options.header_timeout);
  co_return true;
}

Task<bool> Connection::serveRequest() {
  Exchange exchange(host_.options.header_bytes);
  exchange_ = &exchange;
  if (!co_await readHead(exchange)) {
    exchange_ = nullptr;
    co_return false;
  }
  ++host_.stats.requests;
  Request request;
  if (fillRequest(exchange, request)) {
    co_await runHandler(exchange, request);
    co_await concludeBody(exchange);
  }
  clearDeadline();
  exchange_ = nullptr;
  co_return exchange.keep_alive&& socket_ && !host_.draining;
}

Task<bool> Connection::readHead(Exchange& exchange) {
  for (;;) {
    in_.erase(0, exchange.parser.feed(in_, exchange.body));
    if (exchange.parser.state() == RequestParser::State::kBad) {
      refuse(exchange, exchange.parser.badStatus(), exchange.parser.badReason());
      co_return false;
    }
    if (exchange.parser.state() != RequestParser::State::kHead) break;
    if (!open()) co_return false;
    if (timed_out_) {
      ++host_.stats.timeouts;
      refuse(exchange, 408, "the request's header did not come in time");
      co_return false;
    }
    resumeReading();
    co_await changed_.wait();
  }
  clearDeadline();
  const RequestHead& head = exchange.parser.head();
  exchange.continue_due = head.expects_continue && head.has_body;
  exchange.keep_alive = head.keep_alive;
  exchange.head_only = head.method == "HEAD";
  co_return true;
}

bool Connection::fillRequest(Exchange& exchange, Request& request) {
  const RequestHead& head = exchange.parser.head();
  request.setBody(*this);
  request.method = head.method;
  request.target = head.target;
  request.headers = head.headers;
  request.peer = peer_;
  if (!request.splitTarget()) {
    refuse(exchange, 400, "malformed request target");
    return false;
  }
  return true;
}

Task<void> Connection::runHandler(Exchange& exchange, Request& request) {
  ConnectionWriter response(*this);
  bool threw = false;
  try {
    co_await host_.handler(request, response);
  } catch (const std::exception& e) {
    threw = true;
    log::error(
        "request failed",
        {{"server", host_.options.name}, {"method", request.method}, {"path", request.path}, {"error", e.what()}});
  }
  if (threw && exchange.started && !exchange.finished) {
    // The client must see that the response is not whole.
    abort();
  } else if (!exchange.started && exchange.body_error) {
    if (socket_) refuse(exchange, statusOf(*exchange.body_error), exchange.body_error->message);
  } else if (!exchange.started) {
    if (!threw) log::error("request was not answered", {{"server", host_.options.name}, {"path", request.path}});
    (void)co_await response.send(500, {{"Content-Type", "text/plain"}}, "internal error\n");
  } else {
    (void)co_await response.finish();
  }
}

// Reads away what the handler left of the body, so that the next request begins where it should.
Task<void> Connection::concludeBody(Exchange& exchange) {
  if (exchange.parser.state() == RequestParser::State::kDone) co_return;
  std::size_t dropped = 0;
  while (exchange.keep_alive && !exchange.continue_due && !exchange.body_error && dropped <= kDrainBytes) {
    const Result<std::optional<std::string>> piece = co_await readBody();
    if (piece && !*piece) co_return;
    if (piece) dropped += (*piece)->size();
  }
  exchange.keep_alive = false;
  linger_ = true;
}

void Connection::refuse(Exchange& exchange, int status, std::string_view reason) {
  ++host_.stats.bad_requests;
  log::debug("request refused",
             {{"server", host_.options.name}, {"peer", peer_.address}, {"status", status}, {"reason", reason}});
  exchange.keep_alive = false;
  exchange.head_only = false;
  linger_ = true;
  const std::string body = std::string(reason) + "\n";
  Headers headers{{"Content-Type", "text/plain"}, {"Content-Length", std::to_string(body.size())}};
  transmit({renderHead(exchange, status, std::move(headers)), body});
  exchange.started = exchange.finished = true;
}

Task<Result<std::optional<std::string>>> Connection::readBody() {
  TOWPATH_ASSERT(exchange_, "a request is used only within its handler");
  Exchange& exchange = *exchange_;
  const auto failed = [&exchange](ErrorKind kind, std::string why) {
    exchange.body_error = Error{kind, std::move(why), ""};
    return std::unexpected(*exchange.body_error);
  };
  clearDeadline();
  while (!exchange.body_error) {
    if (!exchange.body.empty()) co_return std::exchange(exchange.body, {});
    if (exchange.parser.state() == RequestParser::State::kDone) co_return std::nullopt;
    const std::size_t taken = exchange.parser.feed(in_, exchange.body);
    in_.erase(0, taken);
    if (exchange.parser.state() == RequestParser::State::kBad) {
      co_return failed(ErrorKind::kInvalid, exchange.parser.badReason());
    }
    if (taken > 0) continue;
    if (!open()) co_return failed(ErrorKind::kCancelled, "the client went away before the end of the body");
    if (timed_out_) {
      ++host_.stats.timeouts;
      co_return failed(ErrorKind::kTimeout, "the request's body did not come in time");
    }
    if (std::exchange(exchange.continue_due, false)) transmit({"HTTP/1.1 100 Continue\r\n\r\n"});
    resumeReading();
    if (!deadline_.pending()) setDeadline(host_.options.body_timeout);
    co_await changed_.wait();
  }
  co_return std::unexpected(*exchange.body_error);
}

std::string Connection::renderHead(Exchange& exchange, int status, Headers headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " ";
  head += statusText(status);
  head += "\r\n";
  appendField(head, "Date", httpDate(host_.loop.wallNow()));
  for (const Header& field : headers) appendField(head, field.name, field.value);
  if (headers.hasToken("Connection", "close") || host_.draining || exchange.body_error) exchange.keep_alive = false;
  const bool is_http_1_0 = exchange.parser.head().is_http_1_0;
  if (!headers.contains("Connection")) {
    if (!exchange.keep_alive)
      appendField(head, "Connection", "close");
    else if (is_http_1_0)
      appendField(head, "Connection", "keep-alive");
  }
  head += "\r\n";
  return head;
}

void Connection::startResponse(int status, Headers headers) {
  Exchange& exchange = *exchange_;
  if (exchange.started) throw std::logic_error("a response was started twice");
  exchange.started = true;
  // Length is unknown: chunks, or for HTTP/1.0 the end of the connection.
  if (mayHaveBody(status) && !headers.contains("Content-Length")) {
    if (exchange.parser.head().is_http_1_0) {
      exchange.keep_alive = false;
    } else {
      exchange.chunked = true;
      headers.set("Transfer-Encoding", "chunked");
    }
  }
  if (!mayHaveBody(status)) exchange.head_only = true;
  transmit({renderHead(exchange, status, std::move(headers))});
}

bool Connection::sendPiece(std::string_view piece) {
  Exchange& exchange = *exchange_;
  if (exchange.finished) throw std::logic_error("a response was written to after its end");
  if (exchange.head_only) return false;
  if (piece.empty()) return socket_ != nullptr;
  if (exchange.chunked) {
    char size[24];
    char* end = std::to_chars(size, size + 16, piece.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    transmit({std::string_view(size, end), piece, "\r\n"});
  } else {
    transmit({piece});
  }
  return socket_ != nullptr;
}

void Connection::endResponse() {
  if (std::exchange(exchange_->finished, true)) return;
  if (exchange_->chunked && !exchange_->head_only) transmit({"0\r\n\r\n"});
}

Error Connection::goneError() const {
  return Error{ErrorKind::kCancelled, "the client went away before the end of the response", ""};
}

void Connection::refuseBody(const Error& error) { exchange_->body_error = error; }

Task<Result<void>> ConnectionWriter::send(int status, Headers headers, std::string body) {
  if (mayHaveBody(status)) headers.set("Content-Length", std::to_string(body.size()));
  Connection::Exchange& exchange = *connection_.exchange_;
  if (exchange.started) throw std::logic_error("a response was started twice");
  exchange.started = exchange.finished = true;
  const bool with_body = mayHaveBody(status) && !exchange.head_only;
  const std::string head = connection_.renderHead(exchange, status, std::move(headers));
  connection_.transmit({head, with_body ? std::string_view(body) : std::string_view()});
  body = std::string();  // queued by now; not held while a slow client reads
  co_await connection_.waitForQueue(kQueueHigh);
  if (!connection_.socket_) co_return std::unexpected(connection_.goneError());
  co_return Result<void>();
}

void ConnectionWriter::start(int status, Headers headers) { connection_.startResponse(status, std::move(headers)); }

Task<Result<void>> ConnectionWriter::write(std::string_view piece) {
  const bool sent = connection_.sendPiece(piece);
  if (connection_.queued() > kQueueHigh) co_await connection_.waitForQueue(kQueueLow);
  // A client as fast as the handler must not keep the loop from everybody else.
  if (sent && connection_.exchange_->turnIsOver(piece.size())) co_await loop::yield(connection_.host_.loop);
  if (!sent || !connection_.socket_) co_return std::unexpected(connection_.goneError());
  co_return Result<void>();
}

bool ConnectionWriter::trySend(std::string_view piece) {
  const std::size_t waiting = connection_.queued();
  if (waiting > 0 && waiting + piece.size() > limits::kWatchQueueBytes) {
    ++connection_.host_.stats.cut_off;
    connection_.abort();
  }
  return connection_.sendPiece(piece);
}

Task<Result<void>> ConnectionWriter::finish() {
  connection_.endResponse();
  co_await connection_.waitForQueue(kQueueHigh);
  if (!connection_.socket_) co_return std::unexpected(connection_.goneError());
  co_return Result<void>();
}

bool ConnectionWriter::started() const { return connection_.exchange_->started; }
std::size_t ConnectionWriter::queued() const { return connection_.queued(); }
loop::Event& ConnectionWriter::closed() { return connection_.closed_; }
bool ConnectionWriter::clientGone() const { return !connection_.open(); }

}  // namespace towpath::http
