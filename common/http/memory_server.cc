#include "http/memory_server.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "loop/timeout.h"

namespace towpath::http {

namespace {

constexpr std::size_t kQueueHigh = 256u << 10;  // unread bytes past which write() waits

// "https://host:6443/api?limit=5" → "/api?limit=5"
std::string targetOf(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

}  // namespace

// One request and its response. The handler's task and the client's stream hold it both, and either may end first.
class MemoryServer::Exchange final : public BodySource, public ResponseWriter {
 public:
  Exchange(loop::Loop& loop, ClientRequest asked, Peer peer)
      : changed(loop), gone(loop), loop_(loop), body_(std::move(asked.body)) {
    request.method = std::move(asked.method);
    request.target = targetOf(asked.url);
    request.headers = std::move(asked.headers);
    if (!asked.bearer_token.empty()) request.headers.set("Authorization", "Bearer " + asked.bearer_token);
    request.headers.set("Content-Length", std::to_string(body_.size()));
    request.peer = std::move(peer);
    request.setBody(*this);
  }

  Task<Result<std::optional<std::string>>> readBody() override {
    if (body_.empty()) co_return std::nullopt;
    co_return std::exchange(body_, {});
  }
  void refuseBody(const Error&) override { body_.clear(); }

  Task<Result<void>> send(int code, Headers fields, std::string text) override {
    start(code, std::move(fields));
    end();
    if (request.method != "HEAD") pending = std::move(text);
    co_return alive();
  }
  void start(int code, Headers fields) override {
    if (started_) throw std::logic_error("a response was started twice");
    started_ = true;
    status = code;
    headers = std::move(fields);
    changed.notifyAll();
  }
  Task<Result<void>> write(std::string_view piece) override {
    if (!trySend(piece)) co_return alive();
    while (pending.size() > kQueueHigh && !gone.isSet()) co_await changed.wait();
    // A client as fast as the handler must not keep the loop from everybody else.
    co_await loop::yield(loop_);
    co_return alive();
  }
  bool trySend(std::string_view piece) override {
    if (finished || request.method == "HEAD" || gone.isSet()) return false;
    pending += piece;
    changed.notifyAll();
    return true;
  }
  Task<Result<void>> finish() override {
    end();
    co_return alive();
  }
  bool started() const override { return started_; }
  std::size_t queued() const override { return pending.size(); }
  loop::Event& closed() override { return gone; }
  bool clientGone() const override { return gone.isSet(); }

  void end() {
    finished = true;
    changed.notifyAll();
  }
  void cut() {
    if (finished) return;
    broken = true;
    end();
  }

  Request request;
  int status = 0;
  Headers headers;
  std::string pending;  // written, not yet read
  bool finished = false;
  bool broken = false;   // ended before its proper end
  loop::Notify changed;  // either side did something
  loop::Event gone;      // the client left

 private:
  Result<void> alive() const {
    if (!gone.isSet()) return {};
    return fail(ErrorKind::kCancelled, "the client went away before the end of the response");
  }

  loop::Loop& loop_;
  std::string body_;
  bool started_ = false;
};

class MemoryServer::Stream final : public ResponseStream {
 public:
  Stream(loop::Loop& loop, std::shared_ptr<Exchange> exchange, Duration idle_timeout)
      : loop_(loop), exchange_(std::move(exchange)), idle_timeout_(idle_timeout) {}
  ~Stream() override {
    exchange_->gone.set();
    exchange_->changed.notifyAll();
  }

  int status() const override { return exchange_->status; }
  const Headers& headers() const override { return exchange_->headers; }

  Task<Result<void>> waitForHead() {
    while (!exchange_->started() && !exchange_->finished) co_await exchange_->changed.wait();
    if (!exchange_->started()) co_return brokenOff();
    co_return Result<void>();
  }
  Task<Result<std::optional<std::string>>> read() override {
    if (!ahead_.empty()) co_return std::exchange(ahead_, {});
    if (idle_timeout_ <= Duration::zero()) co_return co_await receive();
    co_return co_await loop::withTimeout(loop_, idle_timeout_, receive());
  }
  Task<Result<std::optional<std::string>>> readLine(std::size_t limit) override {
    for (;;) {
      const std::size_t end = ahead_.find('\n');
      if (std::min(end, ahead_.size()) > limit) {
        co_return fail(ErrorKind::kTooLarge, "a line of more than " + std::to_string(limit) + " bytes");
      }
      if (end != std::string::npos) {
        std::string line = ahead_.substr(0, end);
        ahead_.erase(0, end + 1);
        co_return line;
      }
      Result<std::optional<std::string>> more = co_await receive();
      if (!more) co_return more;
      if (!*more && ahead_.empty()) co_return std::nullopt;
      if (!*more) co_return std::exchange(ahead_, {});
      ahead_ += **more;
    }
  }

 private:
  static std::unexpected<Error> brokenOff() { return fail(ErrorKind::kUnavailable, "the connection was broken off"); }
  Task<Result<std::optional<std::string>>> receive() {
    Exchange& exchange = *exchange_;
    while (exchange.pending.empty() && !exchange.finished) co_await exchange.changed.wait();
    if (!exchange.pending.empty()) {
      exchange.changed.notifyAll();
      co_return std::exchange(exchange.pending, {});
    }
    if (exchange.broken) co_return brokenOff();
    co_return std::nullopt;
  }

  loop::Loop& loop_;
  std::shared_ptr<Exchange> exchange_;
  Duration idle_timeout_;
  std::string ahead_;
};

MemoryServer::MemoryServer(loop::Loop& loop, Handler handler, Peer peer)
    : loop_(loop), handler_(std::move(handler)), peer_(std::move(peer)), scope_(loop, "memory server") {}

MemoryServer::~MemoryServer() = default;

void MemoryServer::cutAll() { scope_.cancelAll(); }

Task<void> MemoryServer::serve(std::shared_ptr<Exchange> exchange) {
  // Also when this task is cancelled: the client sees the end.
  struct Cut {
    Exchange& exchange;
    ~Cut() { exchange.cut(); }
  } cut{*exchange};
  if (!exchange->request.splitTarget()) {
    (void)co_await exchange->send(400, {{"Content-Type", "text/plain"}}, "malformed request target\n");
    co_return;
  }
  try {
    co_await handler_(exchange->request, *exchange);
    exchange->end();
  } catch (const std::exception& e) {
    log::error("request failed", {{"server", "memory"}, {"path", exchange->request.path}, {"error", e.what()}});
    if (!exchange->started()) exchange->start(500, {});
  }
}

Task<Result<std::unique_ptr<ResponseStream>>> MemoryServer::open(ClientRequest request) {
  ++requests_;
  const Duration limit = request.timeout;
  const Duration idle = request.idle_timeout;
  // Shared by the client's stream and the handler's task: see Exchange.
  auto exchange = std::make_shared<Exchange>(loop_, std::move(request), peer_);
  auto stream = std::make_unique<Stream>(loop_, exchange, idle);
  scope_.spawn(serve(std::move(exchange)));
  const Result<void> arrived = limit > Duration::zero()
                                   ? co_await loop::withTimeout(loop_, limit, stream->waitForHead())
                                   : co_await stream->waitForHead();
  if (!arrived) co_return std::unexpected(arrived.error());
  co_return stream;
}

Task<Result<Response>> MemoryServer::fetch(ClientRequest request) {
  const Duration limit = std::exchange(request.timeout, Duration::zero());
  const auto whole = [](MemoryServer& server, ClientRequest asked) -> Task<Result<Response>> {
    const std::size_t most = asked.max_response_bytes;
    Result<std::unique_ptr<ResponseStream>> stream = co_await server.open(std::move(asked));
    if (!stream) co_return std::unexpected(stream.error());
    Response response{.status = (*stream)->status(), .headers = (*stream)->headers(), .body = {}};
    for (;;) {
      Result<std::optional<std::string>> piece = co_await (*stream)->read();
      if (!piece) co_return std::unexpected(piece.error());
      if (!*piece) co_return response;
      response.body += **piece;
      if (response.body.size() > most) {
        co_return fail(ErrorKind::kTooLarge, "the response is larger than " + std::to_string(most) + " bytes");
      }
    }
  };
  if (limit <= Duration::zero()) co_return co_await whole(*this, std::move(request));
  co_return co_await loop::withTimeout(loop_, limit, whole(*this, std::move(request)));
}

}  // namespace towpath::http
