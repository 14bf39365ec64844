#include "http_harness.h"

namespace towpath::apiserver {
namespace {

constexpr auto kMaps = "/api/v1/namespaces/default/configmaps";

std::string mapNamed(const std::string& name) { return R"({"metadata":{"name":")" + name + R"("},"data":{"k":"v"}})"; }

// A watch that stays open; its lines are read one by one, chunk heads left out.
class OpenWatch {
 public:
  OpenWatch(HttpHarness& api, Call call) : api_(api) { REQUIRE(api.run(open(std::move(call)))); }
  // "ADDED name", or the kind of what else came; "end" when the stream is over.
  std::string next() {
    last = api_.run(nextLine());
    if (last.empty()) return "end";
    const auto event = json::parse(last);
    REQUIRE_MESSAGE(event.has_value(), last);
    const auto& object = (*event)["object"];
    auto name = object["metadata"]["name"].asString();
    if (object["kind"].asStringView() == "Table")
      name = object["rows"][std::size_t{0}]["cells"][std::size_t{0}].asString();
    return (*event)["type"].asString() + (name.empty() ? "" : " " + name);
  }
  std::string last;

 private:
  loop::Task<bool> open(Call call) {
    auto stream = co_await loop::Stream::connectTcp(api_.loop, "127.0.0.1", api_.port);
    if (!stream) co_return false;
    stream_.emplace(std::move(*stream));
    const std::string request = api_.head(call);
    (void)co_await stream_->write(request);
    for (;;) {
      const auto line = co_await stream_->readLine(1u << 20);
      if (!line || !*line) co_return false;
      if (line->value().empty()) co_return true;
    }
  }
  loop::Task<std::string> nextLine() {
    for (;;) {
      const auto line = co_await stream_->readLine(1u << 20);
      if (!line || !*line) co_return "";
      if (line->value().starts_with('{')) co_return line->value();
      if (line->value() == "0") co_return "";
    }
  }

  HttpHarness& api_;
  std::optional<loop::Stream> stream_;
};

TEST_CASE("a watch streams changes as they are made") {
  HttpHarness api;
  api.post(kMaps, mapNamed("a"));
  OpenWatch watch(api, {.path = std::string(kMaps) + "?watch=true"});
  CHECK(watch.next() == "ADDED a");
  api.post(kMaps, mapNamed("b"));
  CHECK(watch.next() == "ADDED b");
  api.call({.method = "PATCH",
            .path = std::string(kMaps) + "/b",
            .body = R"({"data":{"k":"w"}})",
            .content_type = "application/merge-patch+json"});
  CHECK(watch.next() == "MODIFIED b");
  api.call({.method = "DELETE", .path = std::string(kMaps) + "/b"});
  CHECK(watch.next() == "DELETED b");
}

TEST_CASE("the initial state ends with a bookmark where that is asked for") {
  HttpHarness api;
  api.post(kMaps, mapNamed("a"));
  OpenWatch watch(api, {.path = std::string(kMaps) + "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true"
                                                     "&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"});
  CHECK(watch.next() == "ADDED a");
  CHECK(watch.next() == "BOOKMARK");
  CHECK(watch.last.find(R"("k8s.io/initial-events-end":"true")") != std::string::npos);
  CHECK(watch.last.find(R"("kind":"ConfigMap")") != std::string::npos);
  // A last bookmark lets the client go on from the end of the stream.
  CHECK(watch.next() == "BOOKMARK");
  CHECK(watch.next() == "end");
}

TEST_CASE("an empty watch sends its head at once and ends in time") {
  HttpHarness api;
  OpenWatch watch(api, {.path = "/api/v1/secrets?watch=1&timeoutSeconds=1"});
  CHECK(watch.next() == "end");
}

TEST_CASE("a watch of tables") {
  HttpHarness api;
  api.post(kMaps, mapNamed("a"));
  OpenWatch watch(api,
                  {.path = std::string(kMaps) + "?watch=1", .accept = "application/json;as=Table;v=v1;g=meta.k8s.io"});
  CHECK(watch.next() == "ADDED a");
  CHECK(watch.last.find("columnDefinitions\":[{") != std::string::npos);
  api.post(kMaps, mapNamed("b"));
  CHECK(watch.next() == "ADDED b");
  CHECK(watch.last.find("columnDefinitions\":null") != std::string::npos);
}

TEST_CASE("a watch of one object, by its address") {
  HttpHarness api;
  api.post(kMaps, mapNamed("a"));
  OpenWatch watch(api, {.path = std::string(kMaps) + "/b?watch=1"});
  api.post(kMaps, mapNamed("b"));
  CHECK(watch.next() == "ADDED b");
}

TEST_CASE("many watchers see every change") {
  HttpHarness api;
  std::vector<std::unique_ptr<OpenWatch>> watchers;
  for (int i = 0; i < 50; ++i)
    watchers.push_back(std::make_unique<OpenWatch>(api, Call{.path = std::string(kMaps) + "?watch=1"}));
  api.post(kMaps, mapNamed("a"));
  api.post(kMaps, mapNamed("b"));
  for (auto& watcher : watchers) {
    CHECK(watcher->next() == "ADDED a");
    CHECK(watcher->next() == "ADDED b");
  }
}

}  // namespace
}  // namespace towpath::apiserver
