// pods/log: found on the node that runs the pod, streamed through.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "apiserver/exchange.h"
#include "base/time.h"
#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::apiserver {
namespace {

Answer<std::optional<std::int64_t>> number(const Exchange& exchange, const char* name) {
  const auto text = exchange.query(name);
  if (text.empty()) return std::optional<std::int64_t>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return refuse(Reason::kBadRequest,
                  fmt::format("{} must be a whole number that is not negative, not {}", name, text));
  }
  return std::optional(value);
}

std::int64_t unixMs(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Answer<std::string> containerOf(const Exchange& exchange, const Value& pod) {
  const auto& containers = pod["spec"]["containers"].asArray();
  const auto wanted = exchange.query("container");
  std::string names;
  for (const auto* list : {"containers", "initContainers"}) {
    for (const auto& container : pod["spec"][list].asArray()) {
      const auto name = container["name"].asStringView();
      if (name == wanted) return wanted;
      names += fmt::format("{}{}", names.empty() ? "" : " ", name);
    }
  }
  if (!wanted.empty()) {
    return refuse(Reason::kBadRequest,
                  fmt::format("container {} is not valid for pod {}: it has {}", wanted, exchange.path.name, names));
  }
  const auto marked = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].asString();
  if (!marked.empty()) return marked;
  if (containers.size() == 1) return containers[0]["name"].asString();
  return refuse(Reason::kBadRequest, fmt::format("a container name must be specified for pod {}, choose one of: [{}]",
                                                 exchange.path.name, names));
}

Answer<LogOptions> logOptions(const Exchange& exchange, const Value& pod) {
  LogOptions options;
  auto container = containerOf(exchange, pod);
  if (!container) return std::unexpected(container.error());
  options.container = std::move(*container);
  options.follow = exchange.request.queryFlag("follow");
  options.previous = exchange.request.queryFlag("previous");
  options.timestamps = exchange.request.queryFlag("timestamps");
  const auto tail = number(exchange, "tailLines"), bytes = number(exchange, "limitBytes"),
             since = number(exchange, "sinceSeconds");
  for (const auto* one : {&tail, &bytes, &since}) {
    if (!*one) return std::unexpected(one->error());
  }
  options.tail_lines = *tail;
  options.limit_bytes = *bytes;
  // Lines are dated by the node's wall clock.
  if (*since) options.since_unix_ms = unixMs(exchange.registry.loop().wallNow()) - **since * 1000;
  if (const auto text = exchange.query("sinceTime"); !text.empty()) {
    const auto time = parseRfc3339(text);
    if (!time) return refuse(Reason::kBadRequest, fmt::format("sinceTime must be a time as in RFC 3339, not {}", text));
    options.since_unix_ms = unixMs(*time);
  }
  return options;
}

loop::Task<void> relay(Exchange& exchange, LogStream& stream) {
  exchange.response.start(200, {{"Content-Type", "text/plain"}, {"Cache-Control", "no-cache, private"}});
  if (!co_await exchange.response.write("")) co_return;
  for (;;) {
    auto piece = co_await stream.next();
    if (!piece) {
      // Too late for a Status: the reader sees why in the text.
      (void)co_await exchange.response.write(fmt::format("\n[log ended: {}]\n", describe(piece.error())));
      break;
    }
    if (!*piece) break;
    if (!co_await exchange.response.write(**piece)) co_return;
  }
  (void)co_await exchange.response.finish();
}

loop::Task<void> relayUnlessClosed(Exchange& exchange, LogStream& stream) {
  (void)co_await loop::unlessSet(exchange.registry.loop(), exchange.response.closed(), relay(exchange, stream));
}

}  // namespace

loop::Task<void> serveLog(Exchange& exchange) {
  const auto pod = exchange.registry.get(*exchange.kind, exchange.path.ns, exchange.path.name);
  if (!pod) {
    co_await sendFailure(exchange.response, pod.error());
    co_return;
  }
  const Value tree = (*pod)->parse();
  auto options = logOptions(exchange, tree);
  if (!options) {
    co_await sendFailure(exchange.response, options.error());
    co_return;
  }
  if (exchange.logs == nullptr || tree["spec"]["nodeName"].asStringView().empty()) {
    const auto* why =
        exchange.logs == nullptr ? "this server has no access to logs" : "the pod does not run on a node yet";
    co_await sendFailure(
        exchange.response,
        {.reason = exchange.logs == nullptr ? Reason::kServiceUnavailable : Reason::kBadRequest, .message = why});
    co_return;
  }
  auto stream = co_await exchange.logs->open(*pod, std::move(*options));
  if (!stream) {
    auto failure = toFailure(stream.error());
    // What the node refuses is the request; 422 is for objects.
    if (failure.reason == Reason::kInvalid) failure.reason = Reason::kBadRequest;
    co_await sendFailure(exchange.response, std::move(failure));
    co_return;
  }
  co_await relayUnlessClosed(exchange, **stream);
}

}  // namespace towpath::apiserver
