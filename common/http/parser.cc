#include "http/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>

namespace towpath::http {

namespace beast = boost::beast;
using beast::error_code;
namespace bhttp = beast::http;

namespace {

// "0\r\n\r\n", with which every chunked body ends. The library asserts that it sees so much of a last chunk: it must
// not be shown less.
constexpr std::size_t kLastChunkBytes = 5;

}  // namespace

class RequestParser::Impl final : public bhttp::basic_parser<true> {
 public:
  explicit Impl(std::size_t head_limit) : head_limit_(head_limit) {
    header_limit(static_cast<std::uint32_t>(head_limit));
    body_limit(boost::none);  // the reader of the body bounds it
  }

  std::size_t feed(std::string_view input, std::string& body) {
    body_ = &body;
    std::size_t taken = 0;
    while (state_ == State::kHead || state_ == State::kBody) {
      error_code error;
      const std::string_view rest = input.substr(taken);
      if (rest.empty()) break;
      if (state_ == State::kBody && chunked() && rest.size() < kLastChunkBytes) break;
      const std::size_t count = put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      taken += count;
      if (error == bhttp::error::need_more) {
        // Within a body only a chunk's head or the trailer can be incomplete; neither may be longer than a head.
        if (rest.size() - count > head_limit_) refuse(400, "chunk header too long");
        break;
      }
      if (error) {
        fail(error);
        break;
      }
      if (state_ == State::kHead && is_header_done()) {
        finishHead(rest.substr(0, count));
        break;
      }
      if (is_done()) state_ = State::kDone;
    }
    return taken;
  }

  void refuse(int status, std::string reason) {
    state_ = State::kBad;
    bad_status_ = status;
    bad_reason_ = std::move(reason);
  }

  State state_ = State::kHead;
  RequestHead head_;
  int bad_status_ = 0;
  std::string bad_reason_;

 private:
  void fail(const error_code& error) {
    if (state_ == State::kBad) return;  // by one of our own checks
    const bool too_long = error == bhttp::error::header_limit;
    refuse(too_long ? 431 : 400, too_long ? "request header too long" : error.message());
  }

  void finishHead(std::string_view raw) {
    if (state_ == State::kBad) return;
    // The library joins folded lines, others take them for fields of their own.
    if (raw.find("\r\n ") != std::string_view::npos || raw.find("\r\n\t") != std::string_view::npos) {
      return refuse(400, "folded header line");
    }
    if (!head_.is_http_1_0 && hosts_ != 1) return refuse(400, "there must be exactly one Host header");
    if (head_.is_http_1_0 && encodings_ > 0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    const std::string_view expect = head_.headers.get("Expect");
    if (!expect.empty() && !equalsIgnoreCase(expect, "100-continue")) return refuse(417, "unknown expectation");
    head_.expects_continue = !expect.empty() && !head_.is_http_1_0;
    head_.keep_alive = keep_alive();
    head_.has_body = !is_done();
    state_ = is_done() ? State::kDone : State::kBody;
  }

  // Our own checks end the parsing by an error code; the reason is kept beside.
  void stop(error_code& error, std::string reason) {
    refuse(400, std::move(reason));
    error = bhttp::error::bad_field;
  }

  void on_request_impl(bhttp::verb, beast::string_view method, beast::string_view target, int version,
                       error_code&) override {
    head_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.is_http_1_0 = version < 11;
  }

  void on_field_impl(bhttp::field field, beast::string_view name, beast::string_view value,
                     error_code& error) override {
    if (state_ != State::kHead) return;  // a trailer: parsed and dropped
    const std::string_view text(value.data(), value.size());
    if (field == bhttp::field::transfer_encoding && (++encodings_ > 1 || !equalsIgnoreCase(text, "chunked"))) {
      return stop(error, "Transfer-Encoding must be chunked");
    }
    // The library takes "3, 3" as well.
    if (field == bhttp::field::content_length &&
        (++lengths_ > 1 || text.find_first_not_of("0123456789") != std::string_view::npos)) {
      return stop(error, "Content-Length must be a single number");
    }
    if (field == bhttp::field::host) ++hosts_;
    head_.headers.add(std::string(name), std::string(text));
  }

  void on_header_impl(error_code&) override {}
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    body_->append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    body_->append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::size_t head_limit_;
  int encodings_ = 0;
  int lengths_ = 0;
  int hosts_ = 0;
  std::string* body_ = nullptr;
};

RequestParser::RequestParser(std::size_t head_limit) : impl_(std::make_unique<Impl>(head_limit)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view input, std::string& body) { return impl_->feed(input, body); }
RequestParser::State RequestParser::state() const { return impl_->state_; }
const RequestHead& RequestParser::head() const { return impl_->head_; }
int RequestParser::badStatus() const { return impl_->bad_status_; }
const std::string& RequestParser::badReason() const { return impl_->bad_reason_; }

}  // namespace towpath::http
