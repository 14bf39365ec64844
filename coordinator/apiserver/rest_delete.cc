// DELETE of one object and of collections, and eviction, which is a delete that asks.

#include <fmt/format.h>

#include <charconv>

#include "apiserver/exchange.h"
#include "json/serialize.h"

namespace towpath::apiserver {
namespace {

Answer<void> setPropagation(std::string_view text, cluster::DeleteOptions& options) {
  if (text == "Background")
    options.propagation = cluster::Propagation::kBackground;
  else if (text == "Foreground")
    options.propagation = cluster::Propagation::kForeground;
  else if (text == "Orphan")
    options.propagation = cluster::Propagation::kOrphan;
  else if (!text.empty()) {
    return refuse(Reason::kBadRequest,
                  fmt::format("propagationPolicy must be Orphan, Background or Foreground, not {}", text));
  }
  return {};
}

Answer<void> readQuery(const Exchange& exchange, cluster::DeleteOptions& options) {
  if (const auto grace = exchange.query("gracePeriodSeconds"); !grace.empty()) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(grace.data(), grace.data() + grace.size(), seconds);
    if (error != std::errc() || end != grace.data() + grace.size()) {
      return refuse(Reason::kBadRequest, fmt::format("gracePeriodSeconds must be a whole number, not {}", grace));
    }
    options.grace_period_seconds = seconds;
  }
  if (const auto dry_run = exchange.query("dryRun"); dry_run == "All")
    options.dry_run = cluster::DryRun::kYes;
  else if (!dry_run.empty())
    return refuse(Reason::kBadRequest, fmt::format("dryRun must be All, not {}", dry_run));
  return setPropagation(exchange.query("propagationPolicy"), options);
}

Answer<void> readOptions(const Value& body, cluster::DeleteOptions& options) {
  if (const auto& grace = body["gracePeriodSeconds"]; grace.isInt()) options.grace_period_seconds = grace.asInt();
  if (body["orphanDependents"].asBool()) options.propagation = cluster::Propagation::kOrphan;
  for (const auto& one : body["dryRun"].asArray()) {
    if (one.asStringView() != "All") return refuse(Reason::kBadRequest, "dryRun must be All");
    options.dry_run = cluster::DryRun::kYes;
  }
  options.uid = body["preconditions"]["uid"].asString();
  options.resource_version = body["preconditions"]["resourceVersion"].asString();
  return setPropagation(body["propagationPolicy"].asStringView(), options);
}

Answer<cluster::DeleteOptions> deleteOptions(const Exchange& exchange, std::string_view body) {
  cluster::DeleteOptions options;
  if (auto read = readQuery(exchange, options); !read) return std::unexpected(read.error());
  if (body.empty()) return options;
  auto tree = readBody(exchange.request.headers.get("Content-Type"), body, nullptr);
  if (!tree) return std::unexpected(tree.error());
  const bool eviction = exchange.path.subresource == "eviction";
  if (auto read = readOptions(eviction ? std::as_const(*tree)["deleteOptions"] : *tree, options); !read) {
    return std::unexpected(read.error());
  }
  return options;
}

Value success(const Exchange& exchange, const std::string& uid) {
  Object details{{"name", exchange.path.name}};
  if (!exchange.kind->resource.group.empty()) details.set("group", exchange.kind->resource.group);
  details.set("kind", exchange.kind->resource.plural);
  details.set("uid", uid);
  return Object{{"kind", "Status"},
                {"apiVersion", "v1"},
                {"metadata", Object()},
                {"status", "Success"},
                {"details", std::move(details)}};
}

loop::Task<void> deleteCollection(Exchange& exchange, cluster::DeleteOptions options) {
  cluster::ListOptions selection{.ns = exchange.path.ns,
                                 .label_selector = exchange.query("labelSelector"),
                                 .field_selector = exchange.query("fieldSelector")};
  const auto removed =
      co_await exchange.registry.removeCollection(exchange.kind, std::move(selection), std::move(options));
  if (!removed) {
    co_await sendFailure(exchange.response, removed.error());
    co_return;
  }
  co_await sendValue(exchange, 200,
                     Object{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Object()}, {"status", "Success"}});
}

}  // namespace

loop::Task<void> serveDelete(Exchange& exchange) {
  auto body = co_await receiveBody(exchange);
  if (!body) co_return;
  auto options = deleteOptions(exchange, *body);
  if (!options) {
    co_await sendFailure(exchange.response, options.error());
    co_return;
  }
  const auto& path = exchange.path;
  if (path.name.empty()) {
    co_await deleteCollection(exchange, std::move(*options));
    co_return;
  }
  const auto removed = co_await exchange.registry.remove(exchange.kind, path.ns, path.name, std::move(*options));
  if (!removed) {
    co_await sendFailure(exchange.response, removed.error());
  } else if (path.subresource == "eviction") {
    co_await sendValue(exchange, 201,
                       Object{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Object()}, {"status", "Success"}});
  } else if (removed->gone) {
    co_await sendValue(exchange, 200, success(exchange, removed->object->meta().uid));
  } else {
    co_await sendObject(exchange, 200, removed->object);
  }
}

}  // namespace towpath::apiserver
