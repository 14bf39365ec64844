#include "support/faulty_transport.h"

#include <fmt/format.h>

#include <utility>

namespace towpath::testing {
namespace {

std::unexpected<Error> lost() { return fail(ErrorKind::kUnavailable, "the connection was broken off"); }

std::string statusText(int code, const std::string& reason) {
  return fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected: {0}","reason":"{0}","code":{1}}})",
      reason, code);
}

// A whole answer, read as a stream.
class TextStream final : public http::ResponseStream {
 public:
  explicit TextStream(AnswerInstead answer) : answer_(std::move(answer)) {}
  int status() const override { return answer_.status; }
  const http::Headers& headers() const override { return answer_.headers; }
  loop::Task<Result<std::optional<std::string>>> read() override {
    if (answer_.body.empty()) co_return std::nullopt;
    co_return std::exchange(answer_.body, {});
  }
  loop::Task<Result<std::optional<std::string>>> readLine(std::size_t) override { co_return co_await read(); }

 private:
  AnswerInstead answer_;
};

class CutOffStream final : public http::ResponseStream {
 public:
  CutOffStream(std::unique_ptr<http::ResponseStream> inner, std::size_t bytes)
      : inner_(std::move(inner)), left_(bytes) {}
  int status() const override { return inner_->status(); }
  const http::Headers& headers() const override { return inner_->headers(); }
  loop::Task<Result<std::optional<std::string>>> read() override {
    if (left_ == 0) co_return lost();
    auto piece = co_await inner_->read();
    if (!piece || !*piece) co_return piece;
    if ((*piece)->size() > left_) (*piece)->resize(left_);
    left_ -= (*piece)->size();
    co_return piece;
  }
  loop::Task<Result<std::optional<std::string>>> readLine(std::size_t) override { co_return co_await read(); }

 private:
  std::unique_ptr<http::ResponseStream> inner_;
  std::size_t left_;
};

}  // namespace

AnswerInstead statusAnswer(int code, const std::string& reason, int retry_after_seconds) {
  AnswerInstead answer{
      .status = code, .headers = {{"Content-Type", "application/json"}}, .body = statusText(code, reason)};
  if (retry_after_seconds > 0) answer.headers.add("Retry-After", std::to_string(retry_after_seconds));
  return answer;
}

AnswerInstead errorEvent(int code, const std::string& reason) {
  return {.status = 200, .headers = {}, .body = R"({"type":"ERROR","object":)" + statusText(code, reason) + "}\n"};
}

bool isWatch(const http::ClientRequest& request) { return request.url.contains("watch=1"); }
bool isWrite(const http::ClientRequest& request) { return request.method != "GET"; }

FaultPlan randomFaults(std::uint64_t seed, FaultRates rates) {
  return [random = std::mt19937_64(seed), rates](const http::ClientRequest& request) mutable -> Fault {
    const double rate = isWatch(request) ? rates.watches : isWrite(request) ? rates.writes : rates.reads;
    // Not a standard distribution: those differ between libraries, and a seed must replay everywhere.
    if (static_cast<double>(random() >> 11) * 0x1p-53 >= rate) return NoFault{};
    const std::uint64_t which = random() % 8;
    const std::uint64_t amount = random();
    switch (which) {
      case 0:
        return statusAnswer(429, "TooManyRequests", static_cast<int>(1 + amount % 2));
      case 1:
        return statusAnswer(500, "InternalError");
      case 2:
        return RefuseConnection{};
      case 3:
        return Slow{std::chrono::milliseconds(amount % 3000)};
      case 4:
        if (isWrite(request)) return statusAnswer(409, "Conflict");
        return isWatch(request) ? Fault(errorEvent(410, "Expired")) : Fault(statusAnswer(410, "Expired"));
      default:
        if (isWatch(request)) return CutStream{amount % 800};
        return LoseAnswer{};
    }
  };
}

Fault FaultyTransport::next(const http::ClientRequest& request) {
  Fault fault = plan ? plan(request) : Fault(NoFault{});
  if (!std::holds_alternative<NoFault>(fault)) ++faults;
  return fault;
}

loop::Task<Result<http::Response>> FaultyTransport::fetch(http::ClientRequest request) {
  Fault fault = next(request);
  if (auto* answer = std::get_if<AnswerInstead>(&fault)) {
    co_return http::Response{answer->status, std::move(answer->headers), std::move(answer->body)};
  }
  if (std::holds_alternative<RefuseConnection>(fault)) co_return fail(ErrorKind::kUnavailable, "connection refused");
  if (const auto* slow = std::get_if<Slow>(&fault)) co_await loop::sleep(loop_, slow->by);
  auto response = co_await inner_.fetch(std::move(request));
  if (std::holds_alternative<LoseAnswer>(fault) || std::holds_alternative<CutStream>(fault)) co_return lost();
  co_return response;
}

loop::Task<Result<std::unique_ptr<http::ResponseStream>>> FaultyTransport::open(http::ClientRequest request) {
  Fault fault = next(request);
  if (auto* answer = std::get_if<AnswerInstead>(&fault)) co_return std::make_unique<TextStream>(std::move(*answer));
  if (std::holds_alternative<RefuseConnection>(fault)) co_return fail(ErrorKind::kUnavailable, "connection refused");
  if (const auto* slow = std::get_if<Slow>(&fault)) co_await loop::sleep(loop_, slow->by);
  auto stream = co_await inner_.open(std::move(request));
  if (!stream) co_return stream;
  if (std::holds_alternative<LoseAnswer>(fault)) co_return lost();
  if (const auto* cut = std::get_if<CutStream>(&fault)) {
    co_return std::make_unique<CutOffStream>(std::move(*stream), cut->after_bytes);
  }
  co_return stream;
}

}  // namespace towpath::testing
