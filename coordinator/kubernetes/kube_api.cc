#include "kubernetes/kube_api.h"

#include <fmt/format.h>

#include <utility>

#include "access/status.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "kubernetes/paths.h"
#include "kubernetes/watch_frames.h"

namespace towpath::kubernetes {
namespace {

using cluster::ObjectRef;
using cluster::Resource;

const char* contentTypeOf(cluster::PatchType type) {
  switch (type) {
    case cluster::PatchType::kJson:
      return "application/json-patch+json";
    case cluster::PatchType::kMerge:
      return "application/merge-patch+json";
    case cluster::PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
  }
  return "application/json";
}

const char* textOf(cluster::Propagation propagation) {
  switch (propagation) {
    case cluster::Propagation::kBackground:
      return "Background";
    case cluster::Propagation::kForeground:
      return "Foreground";
    case cluster::Propagation::kOrphan:
      return "Orphan";
  }
  return "";
}

std::string deleteBody(const cluster::DeleteOptions& options) {
  Object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (options.propagation) body.set("propagationPolicy", textOf(*options.propagation));
  if (options.grace_period_seconds) body.set("gracePeriodSeconds", *options.grace_period_seconds);
  if (options.dry_run == cluster::DryRun::kYes) body.set("dryRun", Array{"All"});
  Object preconditions;
  if (!options.uid.empty()) preconditions.set("uid", options.uid);
  if (!options.resource_version.empty()) preconditions.set("resourceVersion", options.resource_version);
  if (!preconditions.empty()) body.set("preconditions", std::move(preconditions));
  return json::serialize(body);
}

// A running watch. It holds only what has not been read yet.
class KubeWatch final : public cluster::Watch {
 public:
  KubeWatch(Resource resource, std::unique_ptr<http::ResponseStream> stream)
      : resource_(std::move(resource)), stream_(std::move(stream)) {}

  loop::Task<Result<cluster::WatchEvent>> next() override {
    for (;;) {
      while (const auto line = frames_.next()) {
        auto event = decodeWatchEvent(resource_, *line);
        if (!event) co_return std::unexpected(event.error());
        if (*event) co_return **std::move(event);
      }
      auto piece = co_await stream_->read();
      if (!piece) co_return std::unexpected(piece.error());
      if (!*piece) {
        co_return fail(ErrorKind::kUnavailable,
                       frames_.partial() ? "the watch ended within an event" : "the server ended the watch");
      }
      if (auto fed = frames_.feed(**piece); !fed) co_return std::unexpected(fed.error());
    }
  }

 private:
  Resource resource_;
  std::unique_ptr<http::ResponseStream> stream_;
  WatchFrames frames_;
};

Result<cluster::ObjectList> decodeList(const Resource& resource, const std::string& body) {
  auto parsed = json::parse(body, {.managed_fields = json::ManagedFields::kSkip});
  if (!parsed) return fail(ErrorKind::kCorrupt, "a list that is no JSON: " + parsed.error().message);
  const Value& metadata = std::as_const(*parsed)["metadata"];
  cluster::ObjectList list{.items = {},
                           .resource_version = metadata["resourceVersion"].asString(),
                           .continue_token = metadata["continue"].asString()};
  if (list.resource_version.empty()) return fail(ErrorKind::kCorrupt, "a list without a resourceVersion");
  Value* items = parsed->ifObject()->find("items");
  if (items == nullptr || items->ifArray() == nullptr) return list;
  list.items.reserve(items->ifArray()->size());
  for (Value& item : *items->ifArray()) {
    addKind(resource, item);
    list.items.push_back(cluster::makeObjectRef(item));
  }
  return list;
}

}  // namespace

KubeApi::KubeApi(loop::Loop& loop, http::Transport& transport, const access::ClusterAccess& access,
                 access::Credentials& credentials, KubeApiOptions options)
    : loop_(loop),
      transport_(transport),
      access_(access),
      credentials_(credentials),
      options_(std::move(options)),
      limit_(loop, options_.rate) {}

http::ClientRequest KubeApi::requestOf(const Call& call) const {
  http::ClientRequest request{.method = call.method,
                              .url = access_.server + call.target,
                              .headers = {{"Accept", "application/json"}, {"User-Agent", options_.user_agent}},
                              .body = call.body,
                              .http2 = http::Http2::kAllow,
                              .proxy = access_.proxy,
                              .timeout = call.timeout,
                              .max_response_bytes = options_.list_bytes};
  if (!call.body.empty()) request.headers.add("Content-Type", call.content_type);
  if (access_.compression == http::Compression::kAllow) request.compression = call.compression;
  return request;
}

void KubeApi::count(RequestKind kind, int status) {
  kind.status = status;
  ++stats_.by_kind[std::move(kind)];
}

loop::Task<Result<http::Response>> KubeApi::sendOnce(const Call& call) {
  co_await limit_.take(call.urgency);
  http::ClientRequest request = requestOf(call);
  if (auto added = co_await credentials_.addTo(request); !added) co_return std::unexpected(added.error());
  ++stats_.requests;
  Result<http::Response> response = co_await transport_.fetch(std::move(request));
  count(call.kind, response ? response->status : 0);
  co_return response;
}

loop::Task<Result<http::Response>> KubeApi::send(Call call) {
  bool renewed = false;
  for (int tries = 1;; ++tries) {
    Result<http::Response> response = co_await sendOnce(call);
    if (response && response->ok()) co_return response;
    if (response && response->status == 401 && !std::exchange(renewed, true) && credentials_.renew()) continue;
    if (response && response->status == 429) ++stats_.limited;
    Outcome outcome{.effect = call.effect, .tries = tries};
    if (response) {
      outcome.status = response->status;
      outcome.retry_after = retryAfterOf(response->headers);
    } else {
      outcome.error = response.error().kind;
    }
    const std::optional<Duration> delay = retryDelay(outcome, loop_.random());
    if (!delay && !response) co_return std::unexpected(response.error());
    if (!delay) co_return std::unexpected(access::errorOfAnswer(response->status, response->body));
    ++stats_.retries;
    co_await loop::sleep(loop_, *delay);
  }
}

loop::Task<Result<ObjectRef>> KubeApi::sendForObject(const Resource& resource, Call call) {
  const auto response = co_await send(std::move(call));
  if (!response) co_return std::unexpected(response.error());
  auto object = json::parse(response->body, {.managed_fields = json::ManagedFields::kSkip});
  if (!object || !object->isObject()) co_return fail(ErrorKind::kCorrupt, "the API server's answer is no object");
  addKind(resource, *object);
  co_return cluster::makeObjectRef(*object);
}

std::string KubeApi::writeQuery(const cluster::WriteOptions& options) const {
  Query query;
  query.add("fieldManager", options.field_manager.empty() ? options_.field_manager : options.field_manager);
  if (options.dry_run == cluster::DryRun::kYes) query.add("dryRun", "All");
  return query.text();
}

loop::Task<Result<ObjectRef>> KubeApi::get(const Resource& resource, std::string ns, std::string name) {
  co_return co_await sendForObject(
      resource,
      {.kind = {resource.plural, ns, "Get"}, .target = resourcePath(resource, ns, name), .timeout = options_.timeout});
}

loop::Task<Result<cluster::ObjectList>> KubeApi::list(const Resource& resource, cluster::ListOptions options) {
  Query query;
  query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
  if (options.limit > 0) query.add("limit", std::to_string(options.limit));
  query.add("continue", options.continue_token);
  const Resource listed = resource;
  const auto response = co_await send({.kind = {listed.plural, options.ns, "List"},
                                       .target = resourcePath(listed, options.ns) + query.text(),
                                       .timeout = options_.list_timeout,
                                       .compression = http::Compression::kAllow});
  if (!response) co_return std::unexpected(response.error());
  co_return decodeList(listed, response->body);
}

loop::Task<Result<std::unique_ptr<cluster::Watch>>> KubeApi::watch(const Resource& resource,
                                                                   cluster::WatchOptions options) {
  const Resource watched = resource;
  // Not all watches at once: half of the time is chance.
  const auto base =
      static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(options_.watch_timeout).count());
  const std::uint64_t seconds = base + loop_.random() % (base + 1);
  Query query;
  query.add("watch", "1").add("allowWatchBookmarks", "true").add("timeoutSeconds", std::to_string(seconds));
  query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
  query.add("resourceVersion", options.resource_version);
  const Call call{.kind = {watched.plural, options.ns, "Watch"},
                  .target = resourcePath(watched, options.ns) + query.text(),
                  .timeout = options_.timeout};
  for (bool renewed = false;;) {
    co_await limit_.take(cluster::Urgency::kNormal);
    http::ClientRequest request = requestOf(call);
    request.idle_timeout = options_.watch_idle;
    request.max_response_bytes = WatchFrames::kMostLine;  // held ahead of us
    if (auto added = co_await credentials_.addTo(request); !added) co_return std::unexpected(added.error());
    ++stats_.requests;
    auto stream = co_await transport_.open(std::move(request));
    count(call.kind, stream ? (*stream)->status() : 0);
    if (!stream) co_return std::unexpected(stream.error());
    const int status = (*stream)->status();
    if (status == 200) {
      ++stats_.watches;
      co_return std::make_unique<KubeWatch>(watched, std::move(*stream));
    }
    if (status == 401 && !std::exchange(renewed, true) && credentials_.renew()) continue;
    if (status == 429) ++stats_.limited;
    const auto body = co_await (*stream)->read();
    co_return std::unexpected(access::errorOfAnswer(status, body && *body ? **body : ""));
  }
}

loop::Task<Result<ObjectRef>> KubeApi::create(const Resource& resource, Value object, cluster::WriteOptions options) {
  const Resource written = resource;
  co_return co_await sendForObject(
      written,
      {.method = "POST",
       .kind = {written.plural, std::string(cluster::namespaceOf(object)), "Create"},
       .target = resourcePath(written, cluster::namespaceOf(object),
                              options.subresource.empty() ? "" : cluster::nameOf(object), options.subresource) +
                 writeQuery(options),
       .body = json::serialize(object),
       .timeout = options_.timeout,
       .urgency = options.urgency,
       .effect = options.subresource == "eviction" ? Effect::kAsks : Effect::kWrites});
}

loop::Task<Result<ObjectRef>> KubeApi::update(const Resource& resource, Value object, cluster::WriteOptions options) {
  const Resource written = resource;
  co_return co_await sendForObject(
      written,
      {.method = "PUT",
       .kind = {written.plural, std::string(cluster::namespaceOf(object)), "Update"},
       .target = resourcePath(written, cluster::namespaceOf(object), cluster::nameOf(object), options.subresource) +
                 writeQuery(options),
       .body = json::serialize(object),
       .timeout = options_.timeout,
       .urgency = options.urgency,
       .effect = Effect::kWrites});
}

loop::Task<Result<ObjectRef>> KubeApi::patch(const Resource& resource, std::string ns, std::string name,
                                             cluster::PatchType type, Value patch, cluster::WriteOptions options) {
  const Resource written = resource;
  co_return co_await sendForObject(
      written, {.method = "PATCH",
                .kind = {written.plural, ns, "Patch"},
                .target = resourcePath(written, ns, name, options.subresource) + writeQuery(options),
                .content_type = contentTypeOf(type),
                .body = json::serialize(patch),
                .timeout = options_.timeout,
                .urgency = options.urgency,
                .effect = Effect::kWrites});
}

loop::Task<Result<void>> KubeApi::remove(const Resource& resource, std::string ns, std::string name,
                                         cluster::DeleteOptions options) {
  const auto response = co_await send({.method = "DELETE",
                                       .kind = {resource.plural, ns, "Delete"},
                                       .target = resourcePath(resource, ns, name),
                                       .body = deleteBody(options),
                                       .timeout = options_.timeout,
                                       .effect = Effect::kWrites});
  if (!response) co_return std::unexpected(response.error());
  co_return Result<void>();
}

loop::Task<Result<std::string>> KubeApi::serverVersion() {
  const auto response = co_await send({.target = "/version", .timeout = options_.timeout});
  if (!response) co_return std::unexpected(response.error());
  const auto parsed = json::parse(response->body);
  if (!parsed) co_return fail(ErrorKind::kCorrupt, access_.server + " is no API server: /version is no JSON");
  co_return (*parsed)["gitVersion"].asString();
}

}  // namespace towpath::kubernetes
