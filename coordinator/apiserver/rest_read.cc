// GET of one object and of lists.

#include <fmt/format.h>

#include <charconv>

#include "apiserver/exchange.h"
#include "apiserver/table.h"
#include "json/serialize.h"
#include "loop/loop.h"

namespace towpath::apiserver {
namespace {

constexpr std::size_t kPiece = 256u << 10;  // long lists go out in pieces of about this size

Answer<IncludeObject> includeOf(const Exchange& exchange) {
  const auto include = exchange.query("includeObject");
  if (include.empty() || include == "Metadata") return IncludeObject::kMetadata;
  if (include == "None") return IncludeObject::kNone;
  if (include == "Object") return IncludeObject::kObject;
  return refuse(Reason::kBadRequest, fmt::format("includeObject must be None, Metadata or Object, not {}", include));
}

Value listMetadata(const Page& page) {
  Object metadata{{"resourceVersion", page.resource_version}};
  if (!page.continue_token.empty()) metadata.set("continue", page.continue_token);
  if (page.remaining > 0 && !page.continue_token.empty()) metadata.set("remainingItemCount", page.remaining);
  return metadata;
}

loop::Task<void> sendTable(Exchange& exchange, const std::vector<cluster::ObjectRef>& items, Value metadata) {
  const auto include = includeOf(exchange);
  if (!include) {
    co_await sendFailure(exchange.response, include.error());
    co_return;
  }
  const auto now = exchange.registry.loop().steadyNow();
  Array rows;
  for (const auto& item : items) rows.push_back(tableRow(*exchange.kind, item->parse(), *include, now));
  co_await sendValue(exchange, 200,
                     Object{{"kind", "Table"},
                            {"apiVersion", "meta.k8s.io/v1"},
                            {"metadata", std::move(metadata)},
                            {"columnDefinitions", columnDefinitions(*exchange.kind)},
                            {"rows", std::move(rows)}});
}

loop::Task<void> sendPartialList(Exchange& exchange, const Page& page) {
  Array items;
  for (const auto& item : page.items) items.push_back(partialMetadata(item->parse()));
  co_await sendValue(exchange, 200,
                     Object{{"kind", "PartialObjectMetadataList"},
                            {"apiVersion", "meta.k8s.io/v1"},
                            {"metadata", listMetadata(page)},
                            {"items", std::move(items)}});
}

// The stored texts between brackets; in pieces, so that a long list is never held twice.
loop::Task<void> sendPlainList(Exchange& exchange, const Page& page) {
  const auto& kind = *exchange.kind;
  auto text = fmt::format("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[", kind.list_kind,
                          kind.resource.apiVersion(), json::serialize(listMetadata(page)));
  bool started = false;
  for (std::size_t i = 0; i < page.items.size(); ++i) {
    if (i > 0) text += ',';
    text += page.items[i]->json();
    if (text.size() < kPiece) continue;
    if (!started)
      exchange.response.start(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-cache, private"}});
    started = true;
    if (!co_await exchange.response.write(text)) co_return;
    text.clear();
  }
  text += "]}\n";
  if (!started) {
    co_await sendText(exchange.response, 200, "application/json", std::move(text));
    co_return;
  }
  if (!co_await exchange.response.write(text)) co_return;
  (void)co_await exchange.response.finish();
}

Answer<cluster::ListOptions> listOptions(const Exchange& exchange) {
  cluster::ListOptions options{.ns = exchange.path.ns,
                               .label_selector = exchange.query("labelSelector"),
                               .field_selector = exchange.query("fieldSelector"),
                               .continue_token = exchange.query("continue")};
  if (const auto limit = exchange.query("limit"); !limit.empty()) {
    const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), options.limit);
    if (error != std::errc() || end != limit.data() + limit.size() || options.limit < 0) {
      return refuse(Reason::kBadRequest,
                    fmt::format("limit must be a whole number that is not negative, not {}", limit));
    }
  }
  return options;
}

}  // namespace

loop::Task<void> serveGet(Exchange& exchange) {
  const auto& path = exchange.path;
  if (path.subresource == "scale") {
    auto scale = exchange.registry.scaleOf(*exchange.kind, path.ns, path.name);
    if (!scale)
      co_await sendFailure(exchange.response, scale.error());
    else
      co_await sendValue(exchange, 200, std::move(*scale));
    co_return;
  }
  auto object = exchange.registry.get(*exchange.kind, path.ns, path.name);
  if (!object) {
    co_await sendFailure(exchange.response, object.error());
    co_return;
  }
  if (exchange.wanted.form == Form::kTable) {
    Value metadata = Object{{"resourceVersion", (*object)->meta().resource_version}};
    co_await sendTable(exchange, {*object}, std::move(metadata));
  } else if (exchange.wanted.form == Form::kPartial) {
    co_await sendValue(exchange, 200, partialMetadata((*object)->parse()));
  } else {
    co_await sendObject(exchange, 200, std::move(*object));
  }
}

loop::Task<void> serveList(Exchange& exchange) {
  const auto options = listOptions(exchange);
  if (!options) {
    co_await sendFailure(exchange.response, options.error());
    co_return;
  }
  const auto page = exchange.registry.list(*exchange.kind, *options,
                                           {exchange.query("resourceVersion"), exchange.query("resourceVersionMatch")});
  if (!page) {
    co_await sendFailure(exchange.response, page.error());
    co_return;
  }
  if (exchange.wanted.form == Form::kTable) {
    co_await sendTable(exchange, page->items, listMetadata(*page));
  } else if (exchange.wanted.form == Form::kPartial) {
    co_await sendPartialList(exchange, *page);
  } else if (exchange.wanted.encoding == Encoding::kYaml) {
    Array items;
    for (const auto& item : page->items) items.push_back(item->parse());
    co_await sendValue(exchange, 200,
                       Object{{"kind", exchange.kind->list_kind},
                              {"apiVersion", exchange.kind->resource.apiVersion()},
                              {"metadata", listMetadata(*page)},
                              {"items", std::move(items)}});
  } else {
    co_await sendPlainList(exchange, *page);
  }
}

}  // namespace towpath::apiserver
