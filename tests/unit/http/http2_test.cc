#include <doctest/doctest.h>
#include <mbedtls/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <array>
#include <stdexcept>
#include <thread>

#include "http/client.h"
#include "loop/timeout.h"
#include "tls/authority.h"
#include "tls/x509.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

// Frames of RFC 9113, section 4.1.
enum class FrameType : std::uint8_t { kData = 0, kHeaders = 1, kSettings = 4 };
constexpr std::uint8_t kEndStream = 1;    // of DATA and HEADERS
constexpr std::uint8_t kAcknowledge = 1;  // of SETTINGS
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::string_view kStatus200 = "\x88";  // HPACK: the static table's eighth entry
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kPreface = 24;

std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  for (const int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
  return bytes.append(payload);
}

// One connection of HTTP/2 over TLS, from a thread of its own with blocking calls. It answers each of the first
// `watches` requests with a head, and the next two together with the records it is given, all in one segment.
class FrameServer {
 public:
  FrameServer(int watches, std::function<std::vector<std::string>(const std::vector<std::uint32_t>& streams)> answer)
      : watches_(watches), answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port to listen on");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FrameServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  ClientRequest request(const std::string& path) const {
    ClientRequest request{
        .url = "https://127.0.0.1:" + std::to_string(port_) + path, .http2 = Http2::kAllow, .timeout = 8s};
    request.tls.ca_pem = authority_.certificatePem();
    return request;
  }

 private:
  using Ssl = tls::Owned<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;
  using Config = tls::Owned<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;

  static int keepOutput(void* self, const unsigned char* bytes, std::size_t size) {
    static_cast<FrameServer*>(self)->output_.append(reinterpret_cast<const char*>(bytes), size);
    return static_cast<int>(size);
  }
  static int readInput(void* self, unsigned char* bytes, std::size_t size) {
    auto* server = static_cast<FrameServer*>(self);
    server->flush();
    return static_cast<int>(recv(server->connection_, bytes, size, 0));
  }
  void flush() {
    while (!output_.empty()) {
      const ssize_t sent = send(connection_, output_.data(), output_.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      output_.erase(0, static_cast<std::size_t>(sent));
    }
  }
  // As few TLS records as it takes.
  void write(Ssl& ssl, std::string_view bytes) {
    while (!bytes.empty()) {
      const int taken =
          mbedtls_ssl_write(ssl.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      if (taken <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
  }
  bool read(Ssl& ssl, std::size_t size, std::string& into) {
    std::array<unsigned char, 4096> piece{};
    for (into.clear(); into.size() < size;) {
      const int count = mbedtls_ssl_read(ssl.get(), piece.data(), std::min(piece.size(), size - into.size()));
      if (count <= 0) return false;
      into.append(reinterpret_cast<const char*>(piece.data()), static_cast<std::size_t>(count));
    }
    return true;
  }

  void serve() {
    connection_ = accept(listener_, nullptr, nullptr);
    if (connection_ < 0) return;
    const tls::KeyAndCertificate identity =
        authority_
            .issue({.common_name = "server", .ip_addresses = {"127.0.0.1"}, .usage = tls::Usage::kServer, .now = now_})
            .value();
    tls::OwnedCertificate certificate;
    tls::OwnedKey key;
    Config config;
    Ssl ssl;
    const char* protocols[] = {"h2", nullptr};
    (void)tls::parseCertificate(identity.certificate_pem, certificate);
    (void)tls::parseKey(identity.key_pem, key);
    mbedtls_ssl_config_defaults(config.get(), MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(config.get(), tls::randomForMbedtls, nullptr);
    mbedtls_ssl_conf_own_cert(config.get(), certificate.get(), key.get());
    mbedtls_ssl_conf_alpn_protocols(config.get(), protocols);
    mbedtls_ssl_setup(ssl.get(), config.get());
    mbedtls_ssl_set_bio(ssl.get(), this, keepOutput, readInput, nullptr);
    if (mbedtls_ssl_handshake(ssl.get()) == 0) exchange(ssl);
    close(connection_);
  }

  void exchange(Ssl& ssl) {
    std::string head;
    std::string payload;
    if (!read(ssl, kPreface, head)) return;
    write(ssl, frame(FrameType::kSettings, 0, 0, ""));
    write(ssl, frame(FrameType::kSettings, kAcknowledge, 0, ""));
    std::vector<std::uint32_t> streams;
    while (read(ssl, kFrameHead, head)) {
      const auto byte = [&head](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<std::uint8_t>(head[at]));
      };
      if (!read(ssl, byte(0) << 16 | byte(1) << 8 | byte(2), payload)) return;
      if (byte(3) != static_cast<std::uint32_t>(FrameType::kHeaders)) continue;
      const std::uint32_t stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
      if (watches_-- > 0) {
        write(ssl, frame(FrameType::kHeaders, kEndHeaders, stream, kStatus200));
        continue;
      }
      streams.push_back(stream);
      if (streams.size() < 2) continue;
      for (const std::string& record : answer_(streams)) write(ssl, record);
    }
  }

  WallTime now_ = std::chrono::system_clock::now();
  tls::Authority authority_ = tls::Authority::create("test CA", now_).value();
  int watches_;
  std::function<std::vector<std::string>(const std::vector<std::uint32_t>& streams)> answer_;
  std::string output_;
  int listener_ = -1;
  int connection_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

struct Shared {
  explicit Shared(const std::function<std::vector<std::string>(const std::vector<std::uint32_t>& streams)>& answer)
      : server(kWatches, answer) {
    for (int i = 0; i < kWatches; ++i) watches.push_back(blockOn(loop, client.open(server.request("/watch"))).value());
  }
  // Both are asked for beside the watches, which are quiet.
  std::vector<Result<Response>> fetchTwo() {
    std::vector<Task<Result<Response>>> fetches;
    for (const std::string path : {"/long", "/short"}) fetches.push_back(client.fetch(server.request(path)));
    return blockOn(loop, loop::whenAll(loop, std::move(fetches)));
  }
  static constexpr int kWatches = 4;
  FrameServer server;
  loop::UvLoop loop;
  Client client{loop};
  std::vector<std::unique_ptr<ResponseStream>> watches;
};

}  // namespace

// What one stream reads for another goes into that one's buffer; when that is full, libcurl 7.88 stops within its input
// and forgets the rest until the socket has more to read or a time-out of its own (10 s at the least) runs.
TEST_CASE("http2: answers that other streams' reads brought come whole, though the server sends nothing more") {
  constexpr std::size_t kFirst = 16300;
  for (const std::size_t rest : {50UZ, 84UZ, 85UZ, 500UZ, 5000UZ, 16000UZ}) {
    for (const bool end_in_frame : {false, true}) {
      for (const bool other_follows : {false, true}) {
        CAPTURE(rest);
        CAPTURE(end_in_frame);
        CAPTURE(other_follows);
        Shared shared([=](const std::vector<std::uint32_t>& streams) {
          const std::uint32_t one = streams.at(0);
          const std::uint32_t other = streams.at(1);
          const std::string short_answer = frame(FrameType::kHeaders, kEndHeaders, other, kStatus200) +
                                           frame(FrameType::kData, kEndStream, other, "short");
          std::string last = frame(FrameType::kData, end_in_frame ? kEndStream : 0, one, std::string(rest, 'b'));
          if (!end_in_frame) last += frame(FrameType::kData, kEndStream, one, "");
          return std::vector{(other_follows ? "" : short_answer) +
                                 frame(FrameType::kHeaders, kEndHeaders, one, kStatus200) +
                                 frame(FrameType::kData, 0, one, std::string(kFirst, 'a')),
                             last + (other_follows ? short_answer : "")};
        });
        const std::vector<Result<Response>> answers = shared.fetchTwo();
        REQUIRE_MESSAGE(answers.at(0), answers.at(0).error().message);
        CHECK((answers.at(0)->body == std::string(kFirst, 'a') + std::string(rest, 'b')));
        REQUIRE_MESSAGE(answers.at(1), answers.at(1).error().message);
        CHECK(answers.at(1)->body == "short");
      }
    }
  }
}
