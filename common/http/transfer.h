#pragma once
// libcurl on the loop, for client.cc alone. Multi: the transfers of one client, with their connections and TLS
// sessions. Transfer: one exchange; destroying it aborts it. Callbacks of libcurl only keep bytes and wake the
// coroutine.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "http/client.h"
#include "http/curl_library.h"
#include "loop/event.h"
#include "loop/watch.h"

namespace towpath::http {

class Transfer;

class Multi {
 public:
  // After loadCurl().
  explicit Multi(loop::UvLoop& loop);
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;
  ~Multi();

  loop::UvLoop& loop() { return loop_; }
  CURLM* handle() { return multi_; }
  CURLSH* share() { return share_; }

 private:
  static int onSocket(CURL*, curl_socket_t fd, int what, void* self, void*);
  static int onTimer(CURLM*, long timeout_ms, void* self);
  void act(curl_socket_t fd, int events);
  void collect();

  loop::UvLoop& loop_;
  CURLM* multi_;
  CURLSH* share_;
  std::map<curl_socket_t, std::unique_ptr<loop::PollWatcher>> watchers_;
  loop::Timer timer_;
};

class Transfer {
 public:
  enum class Purpose {
    kExchange,
    kSeeChain,  // only the TLS handshake, without trust
  };
  Transfer(Multi& multi, ClientRequest request, Purpose purpose);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // kInvalid if an option is not acceptable (bad URL, unreadable key).
  Result<void> begin();
  Task<Result<void>> waitForHeaders();
  Task<Result<void>> waitForEnd();
  Task<Result<std::optional<std::string>>> read();

  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  const ClientRequest& request() const { return request_; }
  // PEM of the certificate with this fingerprint among those that the server sent; empty if there is none.
  std::string chainCertificate(const std::string& sha256_hex) const;

 private:
  friend class Multi;
  static std::size_t onHeader(char* bytes, std::size_t, std::size_t size, void* self);
  static std::size_t onBody(char* bytes, std::size_t, std::size_t size, void* self);
  void setBasics();
  void setTls();
  Result<void> redirectConnection();
  template <class V>
  void set(CURLoption option, V value);
  void setBlob(CURLoption option, const std::string& bytes);
  void headerLine(std::string_view line);
  void ended(CURLcode code);
  void watchIdle();
  Error errorOf(CURLcode code) const;

  Multi& multi_;
  ClientRequest request_;
  Purpose purpose_;
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  bool added_ = false;
  CURLcode set_up_ = CURLE_OK;
  char message_[CURL_ERROR_SIZE] = "";

  int status_ = 0;
  Headers headers_;
  bool headers_done_ = false;
  std::string body_;  // received, not yet read
  bool paused_ = false;
  bool done_ = false;
  std::optional<Error> error_;
  loop::Notify changed_;
  loop::Timer idle_;
};

}  // namespace towpath::http
