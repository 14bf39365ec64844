#include "http/transfer.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "base/assert.h"
#include "tls/authority.h"

namespace towpath::http {

namespace {

constexpr std::size_t kHeld = 256u << 10;  // bytes held for a reader before the transfer pauses
constexpr long kIdleConnections = 64;

// libcurl 7.88 forgets input of HTTP/2: when one stream reads off the connection more of another's than fits into that
// one's buffer (16 KB, if it is not told otherwise), it stops within its input and wakes the other for what it holds.
// For what is behind (the rest of the frame, the end of the answer, other answers) it wakes nobody until the socket has
// more to read, which on an API server may be the bookmark of the next minute; the end is not seen even then, if it was
// in that frame and nothing came after it. So such transfers have its largest buffer. Only the pages that are written
// are held, and an answer of more than that, packed, would have to be in the socket at once. Later versions do without.
constexpr long kSharedBuffer = 512l << 10;

// libcurl turns session tickets off for TLS 1.2, and our server has no other memory of sessions: without them each
// connection costs it a full handshake (6 ms of its core instead of 0.2). libssl is there because libcurl brought it;
// its headers are not needed for one call.
CURLcode allowTickets(CURL*, void* ssl_context, void*) {
  using ClearOptions = std::uint64_t (*)(void*, std::uint64_t);
  constexpr std::uint64_t kNoTicket = 1U << 14;  // SSL_OP_NO_TICKET
  static const auto kClearOptions = reinterpret_cast<ClearOptions>(dlsym(RTLD_DEFAULT, "SSL_CTX_clear_options"));
  if (kClearOptions) kClearOptions(ssl_context, kNoTicket);
  return CURLE_OK;
}

// Sent data that is not acknowledged for so long ends the connection; keep-alive probes are only for silent ones.
int limitUnacknowledged(void*, curl_socket_t fd, curlsocktype) {
  const int limit_ms = 30000;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
  return CURL_SOCKOPT_OK;
}

long milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Multi::Multi(loop::UvLoop& loop) : loop_(loop) {
  multi_ = curl().multi_init();
  share_ = curl().share_init();
  TOWPATH_ASSERT(multi_ && share_, "memory for libcurl");
  // One cache of TLS sessions for all transfers: without it each would do its own full handshakes.
  curl().share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl().multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::onSocket);
  curl().multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl().multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::onTimer);
  curl().multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl().multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl().multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnections);
}

Multi::~Multi() {
  curl().multi_cleanup(multi_);
  curl().share_cleanup(share_);
}

int Multi::onSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto* multi = static_cast<Multi*>(self);
  if (what == CURL_POLL_REMOVE) {
    multi->watchers_.erase(fd);
    return 0;
  }
  const loop::PollEvents wanted{.readable = (what & CURL_POLL_IN) != 0, .writable = (what & CURL_POLL_OUT) != 0};
  std::unique_ptr<loop::PollWatcher>& watcher = multi->watchers_[fd];
  if (watcher) {
    watcher->update(wanted);
    return 0;
  }
  watcher = std::make_unique<loop::PollWatcher>(multi->loop_, fd, wanted, [multi, fd](loop::PollEvents events) {
    multi->act(fd, (events.readable ? CURL_CSELECT_IN : 0) | (events.writable ? CURL_CSELECT_OUT : 0));
  });
  return 0;
}

int Multi::onTimer(CURLM*, long timeout_ms, void* self) {
  auto* multi = static_cast<Multi*>(self);
  if (timeout_ms < 0) {
    multi->timer_.cancel();
    return 0;
  }
  // Never acts within this call: libcurl does not allow it.
  multi->timer_ =
      multi->loop_.startTimer(std::chrono::milliseconds(timeout_ms), [multi] { multi->act(CURL_SOCKET_TIMEOUT, 0); });
  return 0;
}

void Multi::act(curl_socket_t fd, int events) {
  int running = 0;
  curl().multi_socket_action(multi_, fd, events, &running);
  collect();
}

void Multi::collect() {
  int left = 0;
  while (const CURLMsg* message = curl().multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer* transfer = nullptr;
    curl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->ended(message->data.result);
  }
}

Transfer::Transfer(Multi& multi, ClientRequest request, Purpose purpose)
    : multi_(multi),
      request_(std::move(request)),
      purpose_(purpose),
      easy_(curl().easy_init()),
      changed_(multi.loop()) {
  TOWPATH_ASSERT(easy_, "memory for libcurl");
}

Transfer::~Transfer() {
  if (added_) curl().multi_remove_handle(multi_.handle(), easy_);
  curl().easy_cleanup(easy_);
  curl().slist_free_all(header_list_);
  curl().slist_free_all(connect_to_);
}

template <class V>
void Transfer::set(CURLoption option, V value) {
  const CURLcode code = curl().easy_setopt(easy_, option, value);
  if (set_up_ == CURLE_OK) set_up_ = code;
}

void Transfer::setBlob(CURLoption option, const std::string& bytes) {
  curl_blob blob{.data = const_cast<char*>(bytes.data()), .len = bytes.size(), .flags = CURL_BLOB_COPY};
  set(option, &blob);
}

void Transfer::setBasics() {
  set(CURLOPT_ERRORBUFFER, message_);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_SHARE, multi_.share());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_NODELAY, 1L);
  // A peer that vanished is noticed within a minute: a multiplexed connection would serve the next request otherwise.
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 15L);
  set(CURLOPT_TCP_KEEPINTVL, 5L);
  set(CURLOPT_SOCKOPTFUNCTION, &limitUnacknowledged);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (request_.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  const bool may_have_body = request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (may_have_body || !request_.body.empty()) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.c_str());
    // libcurl's own: a form's content type, and a round trip before a body.
    if (!request_.headers.contains("Content-Type")) header_list_ = curl().slist_append(header_list_, "Content-Type:");
    header_list_ = curl().slist_append(header_list_, "Expect:");
  }
  for (const Header& field : request_.headers) {
    // "Name;" is how libcurl is told to send an empty field.
    const std::string line = field.value.empty() ? field.name + ";" : field.name + ": " + field.value;
    header_list_ = curl().slist_append(header_list_, line.c_str());
  }
  if (!request_.bearer_token.empty()) {
    header_list_ = curl().slist_append(header_list_, ("Authorization: Bearer " + request_.bearer_token).c_str());
  }
  set(CURLOPT_HTTPHEADER, header_list_);
  if (!request_.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
  set(CURLOPT_HTTP_VERSION,
      static_cast<long>(request_.http2 == Http2::kAllow ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  if (request_.http2 == Http2::kAllow) {
    set(CURLOPT_PIPEWAIT, 1L);
    set(CURLOPT_BUFFERSIZE, kSharedBuffer);
  }
  if (request_.compression == Compression::kAllow) set(CURLOPT_ACCEPT_ENCODING, "gzip");
  if (!request_.proxy.empty()) {
    set(CURLOPT_PROXY, request_.proxy.c_str());
    set(CURLOPT_NOPROXY, "");  // what was named is meant, whatever the environment says
  }
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request_.connect_timeout));
  set(CURLOPT_TIMEOUT_MS, milliseconds(request_.timeout));
  set(CURLOPT_FOLLOWLOCATION, request_.max_redirects > 0 ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
  set(CURLOPT_HEADERFUNCTION, &Transfer::onHeader);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::onBody);
  set(CURLOPT_WRITEDATA, this);
}

void Transfer::setTls() {
  const ClientTls& tls = request_.tls;
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const bool trusts_anybody = tls.verify == Verify::kNo || purpose_ == Purpose::kSeeChain;
  set(CURLOPT_SSL_VERIFYPEER, trusts_anybody ? 0L : 1L);
  set(CURLOPT_SSL_VERIFYHOST, trusts_anybody ? 0L : 2L);
  if (!tls.ca_pem.empty()) {
    setBlob(CURLOPT_CAINFO_BLOB, tls.ca_pem);
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  } else if (!tls.ca_file.empty()) {
    set(CURLOPT_CAINFO, tls.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (purpose_ == Purpose::kSeeChain) {
    set(CURLOPT_CERTINFO, 1L);
    set(CURLOPT_CONNECT_ONLY, 1L);
    set(CURLOPT_FRESH_CONNECT, 1L);
    // A resumed session shows no chain.
    set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    return;
  }
  set(CURLOPT_SSL_CTX_FUNCTION, &allowTickets);
  if (!tls.certificate_pem.empty())
    setBlob(CURLOPT_SSLCERT_BLOB, tls.certificate_pem);
  else if (!tls.certificate_file.empty())
    set(CURLOPT_SSLCERT, tls.certificate_file.c_str());
  if (!tls.key_pem.empty())
    setBlob(CURLOPT_SSLKEY_BLOB, tls.key_pem);
  else if (!tls.key_file.empty())
    set(CURLOPT_SSLKEY, tls.key_file.c_str());
}

Result<void> Transfer::begin() {
  setBasics();
  setTls();
  if (!request_.tls.expected_name.empty()) {
    // The URL names whom we expect; the connection goes to where it pointed before.
    if (Result<void> moved = redirectConnection(); !moved) return moved;
  }
  if (set_up_ != CURLE_OK) return fail(ErrorKind::kInvalid, request_.url + ": " + curl().easy_strerror(set_up_));
  if (curl().multi_add_handle(multi_.handle(), easy_) != CURLM_OK) return fail(ErrorKind::kInternal, "libcurl refused");
  added_ = true;
  watchIdle();
  return {};
}

// https://10.0.0.1:6443/x with the expected name "coordinator" becomes https://coordinator:6443/x, connected
// to 10.0.0.1:6443.
Result<void> Transfer::redirectConnection() {
  const std::unique_ptr<CURLU, decltype(&::curl_url_cleanup)> url(curl().url(), curl().url_cleanup);
  const auto part = [&url](CURLUPart what) {
    char* text = nullptr;
    if (curl().url_get(url.get(), what, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return std::string();
    std::string copy(text);
    curl().free(text);
    return copy;
  };
  if (curl().url_set(url.get(), CURLUPART_URL, request_.url.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorKind::kInvalid, request_.url + ": not a URL");
  }
  const std::string& name = request_.tls.expected_name;
  const std::string port = part(CURLUPART_PORT);
  connect_to_ = curl().slist_append(nullptr, (name + ":" + port + ":" + part(CURLUPART_HOST) + ":" + port).c_str());
  if (curl().url_set(url.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorKind::kInvalid, name + ": not a host name");
  }
  set(CURLOPT_CONNECT_TO, connect_to_);
  set(CURLOPT_URL, part(CURLUPART_URL).c_str());
  return {};
}

std::size_t Transfer::onHeader(char* bytes, std::size_t, std::size_t size, void* self) {
  static_cast<Transfer*>(self)->headerLine({bytes, size});
  return size;
}

void Transfer::headerLine(std::string_view line) {
  watchIdle();
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    // A new head: after "100 Continue" or a redirect the former does not count.
    headers_ = {};
    return;
  }
  if (line.empty()) {
    long status = 0;
    curl().easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    status_ = static_cast<int>(status);
    const bool redirected =
        request_.max_redirects > 0 && status >= 300 && status < 400 && headers_.contains("Location");
    headers_done_ = status >= 200 && !redirected;
    changed_.notifyAll();
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || headers_done_) return;  // a trailer
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  headers_.add(std::string(line.substr(0, colon)), std::string(value));
}

std::size_t Transfer::onBody(char* bytes, std::size_t, std::size_t size, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->watchIdle();
  const std::size_t held = std::min(kHeld, transfer->request_.max_response_bytes);
  if (!transfer->body_.empty() && transfer->body_.size() + size > held) {
    transfer->paused_ = true;
    transfer->idle_.cancel();  // it is us who wait
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer->body_.append(bytes, size);
  transfer->changed_.notifyAll();
  return size;
}

void Transfer::ended(CURLcode code) {
  done_ = true;
  idle_.cancel();
  if (code != CURLE_OK && !error_) error_ = errorOf(code);
  changed_.notifyAll();
}

void Transfer::watchIdle() {
  if (request_.idle_timeout <= Duration::zero() || done_) return;
  idle_ = multi_.loop().startTimer(request_.idle_timeout, [this] {
    error_ = Error{ErrorKind::kTimeout,
                   request_.url + ": nothing received for " + formatGoDuration(request_.idle_timeout), ""};
    done_ = true;
    changed_.notifyAll();
  });
}

Error Transfer::errorOf(CURLcode code) const {
  ErrorKind kind = ErrorKind::kUnavailable;
  if (code == CURLE_OPERATION_TIMEDOUT) kind = ErrorKind::kTimeout;
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) kind = ErrorKind::kUnauthorized;
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_CERTPROBLEM ||
      code == CURLE_SSL_CACERT_BADFILE) {
    kind = ErrorKind::kInvalid;
  }
  const char* reason = message_[0] != '\0' ? message_ : curl().easy_strerror(code);
  return Error{kind, request_.url + ": " + reason, ""};
}

Task<Result<void>> Transfer::waitForHeaders() {
  while (!headers_done_ && !done_) co_await changed_.wait();
  if (!headers_done_ && error_) co_return std::unexpected(*error_);
  co_return Result<void>();
}

Task<Result<void>> Transfer::waitForEnd() {
  while (!done_) co_await changed_.wait();
  if (error_) co_return std::unexpected(*error_);
  co_return Result<void>();
}

Task<Result<std::optional<std::string>>> Transfer::read() {
  for (;;) {
    if (!body_.empty()) {
      std::string piece = std::exchange(body_, {});
      if (std::exchange(paused_, false)) {
        // Gives what it held back to onBody within this call.
        curl().easy_pause(easy_, CURLPAUSE_CONT);
        watchIdle();
      }
      co_return piece;
    }
    if (error_) co_return std::unexpected(*error_);
    if (done_) co_return std::nullopt;
    co_await changed_.wait();
  }
}

std::string Transfer::chainCertificate(const std::string& sha256_hex) const {
  curl_certinfo* chain = nullptr;
  curl().easy_getinfo(easy_, CURLINFO_CERTINFO, &chain);
  for (int i = 0; chain && i < chain->num_of_certs; ++i) {
    for (const curl_slist* item = chain->certinfo[i]; item; item = item->next) {
      const std::string_view text(item->data);
      if (!text.starts_with("Cert:")) continue;
      std::string pem(text.substr(5));
      const Result<tls::Identity> identity = tls::readCertificate(pem);
      if (identity && identity->fingerprint == sha256_hex) return pem;
    }
  }
  return {};
}

}  // namespace towpath::http
