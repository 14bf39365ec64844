// towpath-load: open-loop load on a URL: requests leave on their schedule whether or not the former ones were answered,
// so a stall shows as latency and failures and not as a pause. Some use a fresh connection, the others a kept one.
//
//   towpath-load --url http://127.0.0.1:8080/shop --rate 500 --duration 10s [--fresh-share 0.5] [--stream]
//
// Prints one JSON object at the end (with --stream one a second as well). A kept connection that the server closed
// while it was idle is no failure: like any HTTP client (RFC 9110, 9.2.2), the request is sent once more on a fresh
// one, and counted under "resent".

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "base/time.h"
#include "base/value.h"
#include "http/message.h"
#include "json/serialize.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/stream.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "loop/watch.h"

namespace {

using namespace towpath;

constexpr Duration kRequestTimeout = std::chrono::seconds(10);
constexpr std::size_t kHeadBytes = 65536;
constexpr std::size_t kInFlightMax = 20000;
constexpr std::size_t kFirstFailures = 20;  // told with their time
constexpr std::size_t kBodyBytes = 200;

struct Options {
  std::string host = "127.0.0.1", path = "/";
  std::uint16_t port = 80;
  double rate = 100;
  Duration duration = std::chrono::seconds(10);
  double fresh_share = 0.5;
  bool stream = false;
};

[[noreturn]] void refuse(const std::string& why) {
  std::fprintf(stderr,
               "towpath-load: %s\nUsage: towpath-load --url http://HOST:PORT/PATH [--rate N] [--duration 10s] "
               "[--fresh-share 0.5] [--stream]\n",
               why.c_str());
  std::exit(2);
}

void parseUrl(const std::string& url, Options& options) {
  if (!url.starts_with("http://")) refuse("--url must begin with http://");
  const std::size_t slash = std::min(url.find('/', 7), url.size());
  const std::string authority = url.substr(7, slash - 7);
  const std::size_t colon = authority.rfind(':');
  options.host = authority.substr(0, colon);
  if (colon != std::string::npos) options.port = static_cast<std::uint16_t>(std::atoi(authority.c_str() + colon + 1));
  if (slash < url.size()) options.path = url.substr(slash);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--stream") {
      options.stream = true;
      continue;
    }
    if (i + 1 == argc) refuse(flag + " is unknown or lacks its value");
    const std::string value = argv[++i];
    if (flag == "--url")
      parseUrl(value, options);
    else if (flag == "--rate")
      options.rate = std::atof(value.c_str());
    else if (flag == "--fresh-share")
      options.fresh_share = std::atof(value.c_str());
    else if (flag == "--duration") {
      const auto duration = parseGoDuration(value);
      if (!duration) refuse("--duration: " + duration.error().message);
      options.duration = *duration;
    } else
      refuse(flag + " is unknown");
  }
  if (options.rate <= 0) refuse("--rate must be positive");
  return options;
}

struct Answer {
  int status = 0;
  std::string version;
  std::string body;  // its first bytes
  bool keep = false;
};

struct Counts {
  std::uint64_t ok = 0, failed = 0;
  // Since the beginning; -1: none.
  std::int64_t first_failed_ms = -1, last_ms = -1;
};

class Generator {
 public:
  Generator(loop::UvLoop& loop, Options options)
      : loop_(loop), options_(std::move(options)), stop_(loop), scope_(loop, "load") {
    request_ = fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: towpath-load\r\n", options_.path,
                           options_.host, options_.port);
  }

  loop::Task<void> run() {
    const MonoTime begin = begin_;
    MonoTime next_report = begin + std::chrono::seconds(1);
    std::uint64_t due = 0;
    while (!stop_.isSet() && loop_.now() - begin < options_.duration) {
      const double elapsed = std::chrono::duration<double>(loop_.now() - begin).count();
      for (const auto wanted = static_cast<std::uint64_t>(elapsed * options_.rate); due < wanted; ++due) launch();
      if (options_.stream && loop_.now() >= next_report) {
        report();
        next_report += std::chrono::seconds(1);
      }
      co_await loop::sleep(loop_, std::chrono::milliseconds(1));
    }
    co_await scope_.drained();
    report();
  }
  void stop() { stop_.set(); }

 private:
  void launch() {
    ++sent_;
    if (scope_.count() >= kInFlightMax) {
      fail("too many in flight");
      return;
    }
    scope_.spawn(one());
  }

  loop::Task<void> one() {
    const MonoTime begin = loop_.now();
    auto answer = co_await loop::withTimeout(loop_, kRequestTimeout, ask());
    latencies_us_[bucketOf(loop_.now() - begin)] += 1;
    if (!answer) {
      fail(answer.error().kind == ErrorKind::kTimeout ? "timeout" : answer.error().message);
      co_return;
    }
    const bool good = answer->status >= 200 && answer->status < 300;
    if (!answer->version.empty()) count(by_version_[answer->version], good);
    if (good)
      ++ok_;
    else
      fail(fmt::format("status {}", answer->status), answer->body);
  }

  loop::Task<Result<Answer>> ask() {
    const bool fresh = static_cast<double>(loop_.random() >> 11) * 0x1p-53 < options_.fresh_share;
    if (!fresh && !idle_.empty()) {
      loop::Stream kept = std::move(idle_.back());
      idle_.pop_back();
      bool any_byte = false;
      auto answer = co_await exchange(kept, false, any_byte);
      if (answer || any_byte) {
        if (answer && answer->keep) idle_.push_back(std::move(kept));
        co_return answer;
      }
      ++resent_;
    }
    auto stream = co_await loop::Stream::connectTcp(loop_, options_.host, options_.port);
    if (!stream) co_return std::unexpected(Error{ErrorKind::kUnavailable, "connect: " + stream.error().message, {}});
    bool any_byte = false;
    auto answer = co_await exchange(*stream, fresh, any_byte);
    if (answer && answer->keep) idle_.push_back(*std::move(stream));
    co_return answer;
  }

  loop::Task<Result<Answer>> exchange(loop::Stream& stream, bool last, bool& any_byte) {
    const std::string request = request_ + (last ? "Connection: close\r\n\r\n" : "\r\n");
    if (auto written = co_await stream.write(request); !written) co_return std::unexpected(written.error());
    Answer answer;
    std::size_t length = 0;
    bool close = last;
    bool first = true;
    for (std::size_t head = 0; head < kHeadBytes;) {
      auto line = co_await stream.readLine(kHeadBytes);
      if (!line) co_return std::unexpected(line.error());
      if (!*line) co_return fail0("closed before the answer");
      any_byte = true;
      head += (*line)->size() + 2;
      if (first) {
        if (!(*line)->starts_with("HTTP/1.") || (*line)->size() < 12) co_return fail0("not HTTP");
        answer.status = std::atoi((*line)->c_str() + 9);
        first = false;
        continue;
      }
      if ((*line)->empty()) break;
      const std::size_t colon = (*line)->find(':');
      if (colon == std::string::npos) continue;
      const std::string name = (*line)->substr(0, colon);
      const std::string value = (*line)->substr(std::min((*line)->find_first_not_of(' ', colon + 1), (*line)->size()));
      if (http::equalsIgnoreCase(name, "Content-Length"))
        length = static_cast<std::size_t>(std::atoll(value.c_str()));
      else if (http::equalsIgnoreCase(name, "Connection"))
        close = close || http::equalsIgnoreCase(value, "close");
      else if (http::equalsIgnoreCase(name, "X-Version"))
        answer.version = value;
    }
    char buffer[4096];
    for (std::size_t got = 0; got < length;) {
      auto count = co_await stream.read({buffer, std::min(sizeof buffer, length - got)});
      if (!count) co_return std::unexpected(count.error());
      if (*count == 0) co_return fail0("closed within the answer");
      got += *count;
      answer.body.append(buffer, std::min(*count, kBodyBytes - answer.body.size()));
    }
    answer.keep = !close;
    co_return answer;
  }

  static std::unexpected<Error> fail0(const char* why) { return towpath::fail(ErrorKind::kUnavailable, why); }
  void fail(const std::string& why, const std::string& body = {}) {
    ++failed_;
    ++failures_[why];
    if (first_failures_.size() < kFirstFailures) {
      first_failures_.push_back(Object{{"at", formatRfc3339Micro(loop_.wallNow())}, {"why", why}, {"body", body}});
    }
  }

  void count(Counts& counts, bool good) {
    counts.last_ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - begin_).count();
    ++(good ? counts.ok : counts.failed);
    if (!good && counts.first_failed_ms < 0) counts.first_failed_ms = counts.last_ms;
  }

  // Buckets 10 % apart: enough for quantiles, and bounded.
  static int bucketOf(Duration latency) {
    const double us = std::max(1.0, std::chrono::duration<double, std::micro>(latency).count());
    return static_cast<int>(std::log(us) / std::log(1.1));
  }
  double quantileMs(double q) const {
    std::uint64_t total = 0;
    for (const auto& [bucket, count] : latencies_us_) total += count;
    std::uint64_t rank = static_cast<std::uint64_t>(q * static_cast<double>(total));
    for (const auto& [bucket, count] : latencies_us_) {
      if (rank < count) return std::round(std::pow(1.1, bucket + 1)) / 1000;
      rank -= count;
    }
    return 0;
  }

  void report() const {
    Object versions;
    for (const auto& [version, counts] : by_version_) {
      versions.set(version, Object{{"ok", static_cast<std::int64_t>(counts.ok)},
                                   {"failed", static_cast<std::int64_t>(counts.failed)},
                                   {"first_failed_ms", counts.first_failed_ms},
                                   {"last_ms", counts.last_ms}});
    }
    Object failures;
    for (const auto& [why, count] : failures_) failures.set(why, static_cast<std::int64_t>(count));
    const Value line = Object{
        {"sent", static_cast<std::int64_t>(sent_)},
        {"ok", static_cast<std::int64_t>(ok_)},
        {"failed", static_cast<std::int64_t>(failed_)},
        {"resent", static_cast<std::int64_t>(resent_)},
        {"by_version", std::move(versions)},
        {"failures", std::move(failures)},
        {"first_failures", first_failures_},
        {"latency_ms", Object{{"p50", quantileMs(0.5)}, {"p99", quantileMs(0.99)}, {"max", quantileMs(1 - 1e-12)}}}};
    std::printf("%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
  }

  loop::UvLoop& loop_;
  Options options_;
  std::string request_;
  std::uint64_t sent_ = 0, ok_ = 0, failed_ = 0, resent_ = 0;
  std::map<std::string, Counts> by_version_;
  std::map<std::string, std::uint64_t> failures_;
  Array first_failures_;
  std::map<int, std::uint64_t> latencies_us_;
  std::vector<loop::Stream> idle_;
  const MonoTime begin_ = loop_.now();
  loop::Event stop_;
  loop::Scope scope_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  loop::UvLoop loop;
  Generator generator(loop, parse(argc, argv));
  const loop::SignalWatcher interrupted(loop, SIGINT, [&] { generator.stop(); });
  const loop::SignalWatcher terminated(loop, SIGTERM, [&] { generator.stop(); });
  loop::blockOn(loop, generator.run());
  return 0;
}
