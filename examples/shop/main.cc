// towpath-shop: the service of the examples, a small HTTP server whose versions differ in what it is told on the
// command line.
//
//   GET /…         200 "shop version 2 at shop-6b9f-x2x2x", with X-Version; ?format=json gives {"version":"2",…}
//   GET /healthz   200 once it is ready
//
// It listens on $PORT, finishes its requests on SIGTERM, and can be told to start slowly, to answer slowly, or to fail.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "http/server.h"
#include "json/serialize.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "loop/watch.h"

namespace {

using namespace towpath;

struct Options {
  std::string version = "1";
  double fail_ratio = 0;
  std::string fail_only;  // a file
  Duration latency{0};
  Duration start_delay{0};
  bool never_ready = false;
};

constexpr const char* kUsage =
    "Usage: towpath-shop [--version-text TEXT] [--fail-ratio 0.1] [--fail-only FILE] [--latency 20ms] [--start-delay "
    "2s] [--never-ready]\n"
    "Listens on $PORT (8080 without it). With --fail-only it fails, and is slow, only while the file holds this pod's "
    "name.\n";

[[noreturn]] void refuse(const std::string& why) {
  std::fprintf(stderr, "towpath-shop: %s\n%s", why.c_str(), kUsage);
  std::exit(2);
}

Duration parseDuration(const std::string& flag, const std::string& text) {
  const auto duration = parseGoDuration(text);
  if (!duration) refuse(flag + ": " + duration.error().message);
  return *duration;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--never-ready") {
      options.never_ready = true;
      continue;
    }
    if (i + 1 == argc) refuse(flag + " is unknown or lacks its value");
    const std::string value = argv[++i];
    if (flag == "--version-text")
      options.version = value;
    else if (flag == "--fail-ratio")
      options.fail_ratio = std::atof(value.c_str());
    else if (flag == "--fail-only")
      options.fail_only = value;
    else if (flag == "--latency")
      options.latency = parseDuration(flag, value);
    else if (flag == "--start-delay")
      options.start_delay = parseDuration(flag, value);
    else
      refuse(flag + " is unknown");
  }
  return options;
}

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

class Shop {
 public:
  Shop(loop::UvLoop& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        pod_(environment("POD_NAME", "nowhere")),
        ready_at_(loop.now() + options_.start_delay) {}

  loop::Task<void> answer(http::Request& request, http::ResponseWriter& response) {
    if (request.path == "/healthz") {
      const bool ready = !options_.never_ready && loop_.now() >= ready_at_;
      co_await response.send(ready ? 200 : 503, {{"Content-Type", "text/plain"}}, ready ? "ok\n" : "starting\n");
      co_return;
    }
    if (options_.latency > Duration::zero() && mayFail()) co_await loop::sleep(loop_, options_.latency);
    const bool fails = static_cast<double>(loop_.random() >> 11) * 0x1p-53 < options_.fail_ratio && mayFail();
    const std::string* format = request.queryValue("format");
    std::string body = fmt::format("shop version {} at {}{}\n", options_.version, pod_, fails ? " failed" : "");
    const bool json = format && *format == "json";
    if (json) body = json::serialize(Object{{"version", options_.version}, {"pod", pod_}, {"ok", !fails}}) + "\n";
    co_await response.send(
        fails ? 500 : 200,
        {{"Content-Type", json ? "application/json" : "text/plain"}, {"X-Version", options_.version}}, std::move(body));
  }

 private:
  bool mayFail() const {
    std::string name;
    return options_.fail_only.empty() || (std::getline(std::ifstream(options_.fail_only), name) && name == pod_);
  }

  loop::UvLoop& loop_;
  Options options_;
  std::string pod_;
  MonoTime ready_at_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const Options options = parse(argc, argv);
  const std::string port_text = environment("PORT", "8080");
  const auto port = static_cast<std::uint16_t>(std::atoi(port_text.c_str()));

  loop::UvLoop loop;
  Shop shop(loop, options);
  http::Server server(loop, {.name = "shop"}, [&](http::Request& request, http::ResponseWriter& response) {
    return shop.answer(request, response);
  });
  const auto listening = server.listenTcp("0.0.0.0", port);
  if (!listening) {
    std::fprintf(stderr, "towpath-shop: port %d: %s\n", port, describe(listening.error()).c_str());
    return 1;
  }
  std::printf("shop version %s listens on port %d\n", options.version.c_str(), *listening);
  std::fflush(stdout);
  loop::Scope scope(loop, "shop");
  const auto stop = [&] {
    std::printf("finishing requests\n");
    std::fflush(stdout);
    scope.spawn([](http::Server& ending, loop::UvLoop& on) -> loop::Task<void> {
      co_await ending.shutdown(std::chrono::seconds(5));
      on.stop();
    }(server, loop));
  };
  const loop::SignalWatcher terminated(loop, SIGTERM, stop);
  const loop::SignalWatcher interrupted(loop, SIGINT, stop);
  loop.run();
  return 0;
}
