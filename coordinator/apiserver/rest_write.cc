// Requests that change something, and the choice among all requests to a resource.

#include <fmt/format.h>

#include "apiserver/exchange.h"
#include "json/serialize.h"

namespace towpath::apiserver {
namespace {

Answer<cluster::DryRun> dryRunOf(const Exchange& exchange) {
  cluster::DryRun dry_run = cluster::DryRun::kNo;
  for (const auto& [key, value] : exchange.request.query) {
    if (key != "dryRun" || value.empty()) continue;
    if (value != "All") return refuse(Reason::kBadRequest, fmt::format("dryRun must be All, not {}", value));
    dry_run = cluster::DryRun::kYes;
  }
  return dry_run;
}

Answer<WriteOptions> writeOptions(const Exchange& exchange) {
  const auto dry_run = dryRunOf(exchange);
  if (!dry_run) return std::unexpected(dry_run.error());
  WriteOptions options{
      .dry_run = *dry_run, .field_manager = exchange.query("fieldManager"), .subresource = exchange.path.subresource};
  // As the peer: who does not say gets warnings.
  const auto validation = exchange.query("fieldValidation");
  if (validation.empty() || validation == "Warn")
    options.field_validation = FieldValidation::kWarn;
  else if (validation == "Strict")
    options.field_validation = FieldValidation::kStrict;
  else if (validation != "Ignore") {
    return refuse(Reason::kBadRequest,
                  fmt::format("fieldValidation must be Ignore, Warn or Strict, not {}", validation));
  }
  return options;
}

Answer<cluster::PatchType> patchTypeOf(std::string_view content_type) {
  const auto type = mediaType(content_type);
  if (type == "application/json-patch+json") return cluster::PatchType::kJson;
  if (type == "application/merge-patch+json") return cluster::PatchType::kMerge;
  if (type == "application/strategic-merge-patch+json") return cluster::PatchType::kStrategicMerge;
  if (type == "application/apply-patch+yaml" || type == "application/apply-patch+cbor") {
    return refuse(Reason::kUnsupportedMedia,
                  "server-side apply is not supported by this server: use kubectl apply without --server-side");
  }
  return refuse(Reason::kUnsupportedMedia,
                fmt::format("the body of the request was in an unknown format - accepted media types include: "
                            "application/json-patch+json, application/merge-patch+json, "
                            "application/strategic-merge-patch+json; this was {}",
                            type));
}

loop::Task<void> sendWritten(Exchange& exchange, Answer<Written> written) {
  if (!written) {
    co_await sendFailure(exchange.response, written.error());
    co_return;
  }
  const int status = written->created ? 201 : 200;
  if (exchange.path.subresource == "scale") {
    const auto& meta = written->object->meta();
    auto scale = exchange.registry.scaleOf(*exchange.kind, meta.ns, meta.name);
    if (scale)
      co_await sendValue(exchange, status, std::move(*scale), std::move(written->warnings));
    else
      co_await sendFailure(exchange.response, scale.error());
    co_return;
  }
  co_await sendObject(exchange, status, std::move(written->object), std::move(written->warnings));
}

std::string noSuchSubresource(const Exchange& exchange) {
  const auto& sub = exchange.path.subresource;
  const bool is_session = sub == "exec" || sub == "attach" || sub == "portforward";
  if (!is_session || exchange.kind->resource != cluster::kPods)
    return "the server could not find the requested resource";
  return fmt::format("pods/{} is not served: use a shell on the node of pod {}, or its logs", sub, exchange.path.name);
}

Answer<void> checkMethod(const Exchange& exchange) {
  const auto& method = exchange.request.method;
  const auto& path = exchange.path;
  const bool read = method == "GET" || method == "HEAD";
  const bool collection = path.name.empty();
  const auto& kind = *exchange.kind;
  const auto& sub = path.subresource;
  const bool known = sub.empty() || (sub == "status" && kind.has_status) || (sub == "scale" && kind.scale) ||
                     (sub == "finalize" && kind.resource == cluster::kNamespaces) ||
                     ((sub == "log" || sub == "eviction") && kind.resource == cluster::kPods);
  if (!known) return refuse(Reason::kNotFound, noSuchSubresource(exchange));
  bool allowed = false;
  if (sub == "log")
    allowed = read;
  else if (sub == "eviction")
    allowed = method == "POST";
  else if (!sub.empty())
    allowed = read || method == "PUT" || method == "PATCH";
  else if (collection)
    allowed = read || method == "POST" || method == "DELETE";
  else
    allowed = read || method == "PUT" || method == "PATCH" || method == "DELETE";
  if (allowed) return {};
  return refuse(Reason::kMethodNotAllowed, "the server does not allow this method on the requested resource");
}

}  // namespace

loop::Task<void> serveResource(Exchange& exchange) {
  if (auto checked = checkMethod(exchange); !checked) {
    co_await sendFailure(exchange.response, checked.error());
    co_return;
  }
  const auto& method = exchange.request.method;
  const bool read = method == "GET" || method == "HEAD";
  if (exchange.path.subresource == "log")
    co_await serveLog(exchange);
  else if (read && exchange.request.queryFlag("watch"))
    co_await serveWatch(exchange);
  else if (read && exchange.path.name.empty())
    co_await serveList(exchange);
  else if (read)
    co_await serveGet(exchange);
  else if (method == "DELETE" || exchange.path.subresource == "eviction")
    co_await serveDelete(exchange);
  else
    co_await serveWrite(exchange);
}

loop::Task<void> serveWrite(Exchange& exchange) {
  auto options = writeOptions(exchange);
  if (!options) {
    co_await sendFailure(exchange.response, options.error());
    co_return;
  }
  const auto& method = exchange.request.method;
  const auto content_type = exchange.request.headers.get("Content-Type");
  std::optional<cluster::PatchType> patch_type;
  if (method == "PATCH") {
    auto type = patchTypeOf(content_type);
    if (!type) {
      co_await sendFailure(exchange.response, type.error());
      co_return;
    }
    patch_type = *type;
  }
  auto bytes = co_await receiveBody(exchange);
  if (!bytes) co_return;
  auto body = readBody(content_type, *bytes, &options->duplicate_fields);
  if (!body) {
    co_await sendFailure(exchange.response, body.error());
    co_return;
  }
  bytes->clear();
  auto& registry = exchange.registry;
  const auto& path = exchange.path;
  if (patch_type) {
    co_await sendWritten(exchange, co_await registry.patch(exchange.kind, path.ns, path.name, *patch_type,
                                                           std::move(*body), std::move(*options)));
  } else if (method == "PUT") {
    co_await sendWritten(
        exchange, co_await registry.update(exchange.kind, path.ns, path.name, std::move(*body), std::move(*options)));
  } else {
    // A namespaced kind may be created at the address without a namespace, if the object names its own.
    auto ns = path.ns.empty() ? std::as_const(*body)["metadata"]["namespace"].asString() : path.ns;
    co_await sendWritten(exchange,
                         co_await registry.create(exchange.kind, std::move(ns), std::move(*body), std::move(*options)));
  }
}

}  // namespace towpath::apiserver
