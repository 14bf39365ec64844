#include "http/client.h"

#include <optional>
#include <utility>

#include "http/transfer.h"
#include "loop/timeout.h"

namespace towpath::http {

struct Client::Impl {
  explicit Impl(loop::UvLoop& on) : loop(on) {}
  // Loads the library with the first request.
  Result<void> prepare();
  Task<Result<std::string>> pinnedCa(ClientRequest request);
  Task<Result<std::unique_ptr<Transfer>>> start(ClientRequest request);

  loop::UvLoop& loop;
  std::optional<Multi> multi;
  std::map<std::string, std::string> pinned;  // fingerprint → the CA's PEM, once seen
};

Result<void> Client::Impl::prepare() {
  if (multi) return {};
  if (Result<void> loaded = loadCurl(); !loaded) return loaded;
  multi.emplace(loop);
  return {};
}

// A connection that trusts nobody and sends nothing, to see the server's chain.
Task<Result<std::string>> Client::Impl::pinnedCa(ClientRequest request) {
  const std::string pin = request.tls.pinned_ca_sha256;
  if (const auto known = pinned.find(pin); known != pinned.end()) co_return known->second;
  request.tls.pinned_ca_sha256.clear();
  Transfer probe(*multi, std::move(request), Transfer::Purpose::kSeeChain);
  if (Result<void> added = probe.begin(); !added) co_return std::unexpected(added.error());
  if (Result<void> ended = co_await probe.waitForEnd(); !ended) co_return std::unexpected(ended.error());
  std::string pem = probe.chainCertificate(pin);
  if (pem.empty()) {
    co_return fail(ErrorKind::kUnauthorized,
                   "the server does not present the CA certificate that was pinned (sha256 " + pin + ")");
  }
  pinned.emplace(pin, pem);
  co_return pem;
}

Task<Result<std::unique_ptr<Transfer>>> Client::Impl::start(ClientRequest request) {
  if (Result<void> ready = prepare(); !ready) co_return std::unexpected(ready.error());
  if (!request.tls.pinned_ca_sha256.empty()) {
    Result<std::string> ca = co_await pinnedCa(request);
    if (!ca) co_return std::unexpected(ca.error());
    request.tls.ca_pem = std::move(*ca);
  }
  auto transfer = std::make_unique<Transfer>(*multi, std::move(request), Transfer::Purpose::kExchange);
  if (Result<void> added = transfer->begin(); !added) co_return std::unexpected(added.error());
  co_return transfer;
}

namespace {

class Stream final : public ResponseStream {
 public:
  explicit Stream(std::unique_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}

  int status() const override { return transfer_->status(); }
  const Headers& headers() const override { return transfer_->headers(); }

  Task<Result<std::optional<std::string>>> read() override {
    if (!ahead_.empty()) co_return std::exchange(ahead_, {});
    co_return co_await transfer_->read();
  }

  Task<Result<std::optional<std::string>>> readLine(std::size_t limit) override {
    std::size_t searched = 0;
    for (;;) {
      const std::size_t end = ahead_.find('\n', searched);
      if (std::min(end, ahead_.size()) > limit) {
        co_return fail(ErrorKind::kTooLarge, "a line of more than " + std::to_string(limit) + " bytes");
      }
      if (end != std::string::npos) {
        std::string line = ahead_.substr(0, end);
        ahead_.erase(0, end + 1);
        co_return line;
      }
      searched = ahead_.size();
      Result<std::optional<std::string>> more = co_await transfer_->read();
      if (!more) co_return std::unexpected(more.error());
      if (*more)
        ahead_ += **more;
      else if (ahead_.empty())
        co_return std::nullopt;
      else
        co_return std::exchange(ahead_, {});
    }
  }

 private:
  std::unique_ptr<Transfer> transfer_;
  std::string ahead_;
};

}  // namespace

Client::Client(loop::UvLoop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Client::~Client() = default;

Task<Result<Response>> Client::fetch(ClientRequest request) {
  Result<std::unique_ptr<Transfer>> transfer = co_await impl_->start(std::move(request));
  if (!transfer) co_return std::unexpected(transfer.error());
  Response response;
  for (;;) {
    Result<std::optional<std::string>> piece = co_await (*transfer)->read();
    if (!piece) co_return std::unexpected(piece.error());
    if (!*piece) break;
    if (response.body.empty())
      response.body = std::move(**piece);
    else
      response.body += **piece;
    if (response.body.size() > (*transfer)->request().max_response_bytes) {
      co_return fail(ErrorKind::kTooLarge, "the response is larger than " +
                                               std::to_string((*transfer)->request().max_response_bytes) + " bytes");
    }
  }
  response.status = (*transfer)->status();
  response.headers = (*transfer)->headers();
  co_return response;
}

Task<Result<std::unique_ptr<ResponseStream>>> Client::open(ClientRequest request) {
  const Duration limit = std::exchange(request.timeout, Duration::zero());
  const std::string url = request.url;
  Result<std::unique_ptr<Transfer>> transfer = co_await impl_->start(std::move(request));
  if (!transfer) co_return std::unexpected(transfer.error());
  const auto headersOf = [](Transfer& of) -> Task<Result<void>> { co_return co_await of.waitForHeaders(); };
  Result<void> arrived = limit > Duration::zero()
                             ? co_await loop::withTimeout(impl_->loop, limit, headersOf(**transfer))
                             : co_await headersOf(**transfer);
  if (!arrived) co_return std::unexpected(withContext(arrived.error(), url));
  co_return std::make_unique<Stream>(std::move(*transfer));
}

}  // namespace towpath::http
