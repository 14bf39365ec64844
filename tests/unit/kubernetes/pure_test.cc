// What needs no network: framing, statuses, paths, when to send again.

#include <doctest/doctest.h>

#include <random>

#include "access/status.h"
#include "kubernetes/paths.h"
#include "kubernetes/retry.h"
#include "kubernetes/watch_frames.h"

using namespace towpath;
using namespace towpath::access;
using namespace towpath::kubernetes;

namespace {

std::string podEvent(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":")" + name +
         R"(","namespace":"default","resourceVersion":")" + version +
         R"(","managedFields":[{"manager":"kubelet"}]},"spec":{"note":"é\n"}}})" + "\n";
}

// "+a@1 ~a@2": what the pieces say, read as they come.
std::string read(const std::vector<std::string>& pieces) {
  WatchFrames frames;
  std::string said;
  for (const std::string& piece : pieces) {
    REQUIRE(frames.feed(piece));
    while (const auto line = frames.next()) {
      const auto event = decodeWatchEvent(cluster::kPods, *line);
      REQUIRE_MESSAGE(event, (event ? "" : describe(event.error())));
      if (!*event) continue;
      const char signs[] = {'+', '~', '-', '='};
      said += signs[static_cast<int>((*event)->type)] + (*event)->object->meta().name + "@" +
              (*event)->object->meta().resource_version + " ";
    }
  }
  if (frames.partial()) said += "…";
  return said;
}

}  // namespace

TEST_CASE("watch frames: whatever the pieces, the events are the same") {
  const std::string stream = podEvent("ADDED", "a", "1") + "\n\r\n" + podEvent("MODIFIED", "a", "2") +
                             R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"3"}}})" +
                             "\n" + R"({"type":"NOVELTY","object":{}})" + "\n" + podEvent("DELETED", "a", "4");
  const std::string expected = "+a@1 ~a@2 =@3 -a@4 ";
  CHECK(read({stream}) == expected);
  std::vector<std::string> bytes;
  for (const char c : stream) bytes.emplace_back(1, c);
  CHECK(read(bytes) == expected);
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random() % 120;
      pieces.push_back(stream.substr(at, size));
      at += size;
    }
    CHECK(read(pieces) == expected);
  }
  CHECK(read({stream.substr(0, stream.size() - 1)}) == "+a@1 ~a@2 =@3 …");
}

TEST_CASE("watch frames: a line that does not end is refused, not collected for ever") {
  WatchFrames frames;
  const std::string piece(1u << 20, 'x');
  Result<void> fed;
  for (int i = 0; i < 20 && fed; ++i) fed = frames.feed(piece);
  REQUIRE(!fed);
  CHECK(fed.error().kind == ErrorKind::kTooLarge);
}

TEST_CASE("watch events: no managed fields, kinds filled in, errors typed") {
  auto event = decodeWatchEvent(cluster::kPods, podEvent("ADDED", "a", "1"));
  REQUIRE(event);
  CHECK((*event)->object->json().find("managedFields") == std::string::npos);

  event = decodeWatchEvent(cluster::kReplicaSets,
                           R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"9"}}})");
  REQUIRE(event);
  CHECK((*event)->object->json().starts_with(R"({"apiVersion":"apps/v1","kind":"ReplicaSet")"));

  event = decodeWatchEvent(
      cluster::kPods,
      R"x({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version: 1 (7)"}})x");
  REQUIRE(!event);
  CHECK(event.error().kind == ErrorKind::kGone);
  CHECK(event.error().message == "too old resource version: 1 (7)");

  for (const char* bad : {"", "{", "[]", R"({"type":"ADDED"})", R"({"type":"ADDED","object":7})",
                          R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
                          R"({"type":"MODIFIED","object":{"metadata":{"resourceVersion":"1"}}})"}) {
    CAPTURE(bad);
    event = decodeWatchEvent(cluster::kPods, bad);
    REQUIRE(!event);
    CHECK(event.error().kind == ErrorKind::kCorrupt);
  }
}

TEST_CASE("statuses become the kinds that callers act on, with the server's words and the field") {
  const auto kind = [](int code, const std::string& reason) {
    return errorOfAnswer(code, R"({"kind":"Status","code":)" + std::to_string(code) + R"(,"reason":")" + reason +
                                   R"(","message":"why"})")
        .kind;
  };
  CHECK(kind(404, "NotFound") == ErrorKind::kNotFound);
  CHECK(kind(409, "AlreadyExists") == ErrorKind::kAlreadyExists);
  CHECK(kind(409, "Conflict") == ErrorKind::kConflict);
  CHECK(kind(410, "Gone") == ErrorKind::kGone);
  CHECK(kind(410, "Expired") == ErrorKind::kGone);
  CHECK(kind(403, "Forbidden") == ErrorKind::kForbidden);
  CHECK(kind(413, "RequestEntityTooLarge") == ErrorKind::kTooLarge);
  CHECK(kind(415, "UnsupportedMediaType") == ErrorKind::kUnsupported);
  CHECK(kind(429, "TooManyRequests") == ErrorKind::kTooManyRequests);
  CHECK(kind(500, "InternalError") == ErrorKind::kUnavailable);
  CHECK(kind(504, "Timeout") == ErrorKind::kTimeout);

  const Error invalid = errorOfAnswer(
      422,
      R"({"kind":"Status","code":422,"reason":"Invalid","message":"Service \"a\" is invalid",)"
      R"("details":{"causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.ports"}]}})");
  CHECK(invalid == Error{ErrorKind::kInvalid, "Service \"a\" is invalid", "spec.ports"});

  const Error proxied = errorOfAnswer(502, "<html>\n<h1>Bad Gateway</h1>\n</html>\n");
  CHECK(proxied.kind == ErrorKind::kUnavailable);
  CHECK(proxied.message == "the API server, or a proxy before it, answered 502: <html> <h1>Bad Gateway</h1> </html>");
}

TEST_CASE("paths and queries") {
  CHECK(resourcePath(cluster::kPods, "shop", "web-1") == "/api/v1/namespaces/shop/pods/web-1");
  CHECK(resourcePath(cluster::kPods, "") == "/api/v1/pods");
  CHECK(resourcePath(cluster::kReplicaSets, "a", "b", "scale") == "/apis/apps/v1/namespaces/a/replicasets/b/scale");
  CHECK(resourcePath(cluster::kClusterAnalysisTemplates, "ignored", "x") ==
        "/apis/argoproj.io/v1alpha1/clusteranalysistemplates/x");
  CHECK(Query().add("labelSelector", "a in (b,c)").add("continue", "").add("limit", "5").text() ==
        "?labelSelector=a%20in%20%28b%2Cc%29&limit=5");
}

TEST_CASE("what is sent again: refused requests always, reads after failures, writes never blindly") {
  const auto again = [](Effect effect, int status, std::optional<Duration> after = {}, int tries = 1) {
    return retryDelay({.effect = effect, .tries = tries, .status = status, .retry_after = after}, 0).has_value();
  };
  for (const Effect effect : {Effect::kReads, Effect::kWrites}) {
    CHECK(again(effect, 429));
    CHECK(again(effect, 429, 1s));
    CHECK(again(effect, 503, 1s));
    CHECK(!again(effect, 429, 10min));
    CHECK(!again(effect, 429, {}, kMostTries));
    CHECK(!again(effect, 409));
    CHECK(!again(effect, 404));
    CHECK(!again(effect, 410));
  }
  for (const int status : {0, 500, 502, 503, 504}) {
    CHECK(again(Effect::kReads, status));
    CHECK(!again(Effect::kWrites, status));
    CHECK(!again(Effect::kAsks, status));
  }
  // The caller of an eviction knows better when to ask again than a header of whole seconds.
  CHECK(!again(Effect::kAsks, 429, 10s));
  CHECK(again(Effect::kAsks, 503, 1s));
  // Never before the server allowed it; chance only adds.
  for (const std::uint64_t chance : {std::uint64_t{0}, std::uint64_t{123456789}, ~std::uint64_t{0}}) {
    const auto delay = retryDelay({.status = 429, .retry_after = 3s}, chance);
    REQUIRE(delay);
    CHECK(*delay >= 3s);
    CHECK(*delay <= 3s + kFirstRetry);
  }
  CHECK(retryAfterOf({{"Retry-After", "7"}}) == Duration(7s));
  CHECK(!retryAfterOf({{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}));
  CHECK(!retryAfterOf({}));
}
