// WATCH: a chunked stream of {"type": …, "object": …} lines. Plain events are the stored text between two constants.

#include <fmt/format.h>

#include <charconv>

#include "apiserver/exchange.h"
#include "apiserver/table.h"
#include "apiserver/watch.h"
#include "json/serialize.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::apiserver {
namespace {

using Type = cluster::WatchEvent::Type;

constexpr Duration kBookmarkEvery = 60s;
constexpr Duration kShortest = 30min;      // of a watch without timeoutSeconds; at most twice that
constexpr std::size_t kPiece = 64u << 10;  // bytes that go out at once

struct WatchRequest {
  RegistryWatchOptions options;
  bool bookmarks = false;
  bool end_of_state = false;  // a bookmark marks the end of the initial state
  std::optional<IncludeObject> table;
  Duration timeout{};
};

const char* typeText(Type type) {
  switch (type) {
    case Type::kAdded:
      return "ADDED";
    case Type::kModified:
      return "MODIFIED";
    case Type::kDeleted:
      return "DELETED";
    case Type::kBookmark:
      return "BOOKMARK";
  }
  return "ERROR";
}

// sendInitialEvents, as the peer rules it: with true, resourceVersionMatch=NotOlderThan is a must.
Answer<void> readInitial(Exchange& exchange, WatchRequest& watch) {
  const bool asked = exchange.request.queryValue("sendInitialEvents") != nullptr;
  const auto match = exchange.query("resourceVersionMatch");
  if (!asked) {
    if (match.empty()) return {};
    return refuse(Reason::kBadRequest,
                  "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  }
  if (match != "NotOlderThan") {
    return refuse(Reason::kBadRequest, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  const bool state = exchange.request.queryFlag("sendInitialEvents");
  watch.end_of_state = state && watch.bookmarks;
  if (state) {
    watch.options.initial = InitialEvents::kState;
  } else if (watch.options.resource_version.empty() || watch.options.resource_version == "0") {
    watch.options.initial = InitialEvents::kNewOnly;
  }
  return {};
}

Answer<WatchRequest> readRequest(Exchange& exchange) {
  WatchRequest watch;
  watch.options.ns = exchange.path.ns;
  watch.options.label_selector = exchange.query("labelSelector");
  watch.options.field_selector = exchange.query("fieldSelector");
  if (!exchange.path.name.empty()) {
    auto& fields = watch.options.field_selector;
    fields += (fields.empty() ? "metadata.name=" : ",metadata.name=") + exchange.path.name;
  }
  watch.options.resource_version = exchange.query("resourceVersion");
  watch.bookmarks = exchange.request.queryFlag("allowWatchBookmarks");
  if (auto read = readInitial(exchange, watch); !read) return std::unexpected(read.error());
  if (exchange.wanted.form == Form::kTable) {
    const auto include = exchange.query("includeObject");
    watch.table = include == "None"     ? IncludeObject::kNone
                  : include == "Object" ? IncludeObject::kObject
                                        : IncludeObject::kMetadata;
  }
  watch.timeout = kShortest + std::chrono::seconds(exchange.registry.loop().random() % 1800);
  if (const auto text = exchange.query("timeoutSeconds"); !text.empty()) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < 0) {
      return refuse(Reason::kBadRequest,
                    fmt::format("timeoutSeconds must be a whole number that is not negative, not {}", text));
    }
    constexpr std::int64_t kLongest = 24 * 3600;
    if (seconds > 0) watch.timeout = std::chrono::seconds(std::min(seconds, kLongest));
  }
  return watch;
}

class WatchStream {
 public:
  WatchStream(Exchange& exchange, WatchRequest request, RegistryWatch& watch)
      : exchange_(exchange), request_(std::move(request)), watch_(watch), scope_(exchange.registry.loop(), "watch") {}

  loop::Task<void> run() {
    auto& loop = exchange_.registry.loop();
    scope_.spawn(wakeWhenClosed(exchange_.response.closed(), watch_.ready()));
    const auto deadline = loop.startTimer(request_.timeout, [this] { expire(); });
    startBookmarkTimer();
    // The head must reach the client although nothing may happen for a long time.
    if (!co_await exchange_.response.write("")) co_return;
    while (!done_) {
      if (!co_await drain()) co_return;
      if (done_ || exchange_.response.closed().isSet()) break;
      co_await watch_.ready().wait();
    }
    (void)co_await exchange_.response.finish();
  }

 private:
  static loop::Task<void> wakeWhenClosed(loop::Event& closed, loop::Event& ready) {
    co_await closed.wait();
    ready.set();
  }

  void expire() {
    expired_ = true;
    watch_.ready().set();
  }

  void startBookmarkTimer() {
    if (!request_.bookmarks) return;
    bookmark_timer_ = exchange_.registry.loop().startTimer(kBookmarkEvery, [this] {
      bookmark_due_ = true;
      watch_.ready().set();
    });
  }

  // Sends all that there is.
  loop::Task<bool> drain() {
    while (auto event = watch_.tryNext()) {
      append(*event);
      if (text_.size() >= kPiece && !co_await flush()) co_return false;
    }
    if (watch_.failure()) {
      text_ += fmt::format("{{\"type\":\"ERROR\",\"object\":{}}}\n", json::serialize(statusObject(*watch_.failure())));
      done_ = true;
    } else {
      if (request_.end_of_state && watch_.initialDone()) appendBookmark(std::exchange(request_.end_of_state, false));
      if (request_.bookmarks && (bookmark_due_ || expired_)) {
        appendBookmark(false);
        bookmark_due_ = false;
        startBookmarkTimer();
      }
      done_ = expired_;
    }
    co_return co_await flush();
  }

  loop::Task<bool> flush() {
    if (text_.empty()) co_return true;
    const auto sent = co_await exchange_.response.write(text_);
    text_.clear();
    co_return sent.has_value();
  }

  void appendFrame(Type type, std::string_view object) {
    text_ += "{\"type\":\"";
    text_ += typeText(type);
    text_ += "\",\"object\":";
    text_ += object;
    text_ += "}\n";
  }

  Value table(Array rows, std::string resource_version) {
    Object table{{"kind", "Table"},
                 {"apiVersion", "meta.k8s.io/v1"},
                 {"metadata", Object{{"resourceVersion", std::move(resource_version)}}}};
    // Clients keep the columns of the first event.
    table.set("columnDefinitions", std::exchange(columns_sent_, true) ? Value() : columnDefinitions(*exchange_.kind));
    table.set("rows", std::move(rows));
    return table;
  }

  void append(const RegistryWatch::Event& event) {
    const auto& kind = *exchange_.kind;
    if (request_.table) {
      Array rows{tableRow(kind, event.object->parse(), *request_.table, exchange_.registry.loop().steadyNow())};
      appendFrame(event.type, json::serialize(table(std::move(rows), event.object->meta().resource_version)));
    } else if (exchange_.wanted.form == Form::kPartial) {
      appendFrame(event.type, json::serialize(partialMetadata(event.object->parse())));
    } else {
      appendFrame(event.type, inVersion(kind, event.object)->json());
    }
  }

  void appendBookmark(bool end_of_state) {
    const auto revision = std::to_string(watch_.revision());
    if (request_.table) {
      appendFrame(Type::kBookmark, json::serialize(table({}, revision)));
      return;
    }
    const bool partial = exchange_.wanted.form == Form::kPartial;
    Object metadata{{"resourceVersion", revision}, {"creationTimestamp", nullptr}};
    if (end_of_state) metadata.set("annotations", Object{{"k8s.io/initial-events-end", "true"}});
    const Object object{{"kind", partial ? "PartialObjectMetadata" : exchange_.kind->resource.kind},
                        {"apiVersion", partial ? "meta.k8s.io/v1" : exchange_.kind->resource.apiVersion()},
                        {"metadata", std::move(metadata)}};
    appendFrame(Type::kBookmark, json::serialize(object));
  }

  Exchange& exchange_;
  WatchRequest request_;
  RegistryWatch& watch_;
  std::string text_;
  bool columns_sent_ = false;
  bool bookmark_due_ = false;
  bool expired_ = false;
  bool done_ = false;
  loop::Timer bookmark_timer_;
  loop::Scope scope_;
};

}  // namespace

loop::Task<void> serveWatch(Exchange& exchange) {
  auto request = readRequest(exchange);
  if (!request) {
    co_await sendFailure(exchange.response, request.error());
    co_return;
  }
  auto watch = exchange.registry.watch(exchange.kind, request->options);
  if (!watch) {
    co_await sendFailure(exchange.response, watch.error());
    co_return;
  }
  exchange.response.start(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-cache, private"}});
  WatchStream stream(exchange, std::move(*request), **watch);
  co_await stream.run();
}

}  // namespace towpath::apiserver
