#pragma once
// One request with what has been found out about it, and the ways to answer. Within this folder.

#include <optional>
#include <string>

#include "apiserver/auth.h"
#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "apiserver/negotiate.h"
#include "apiserver/registry.h"
#include "apiserver/route.h"
#include "http/server.h"

namespace towpath::apiserver {

struct Exchange {
  Registry& registry;
  http::Request& request;
  http::ResponseWriter& response;
  LogSource* logs = nullptr;
  User user;
  Negotiated wanted;
  ResourcePath path;
  KindRef kind;

  // The query's value, or "".
  std::string query(std::string_view name) const;
};

loop::Task<void> sendText(http::ResponseWriter& response, int status, std::string content_type, std::string body,
                          http::Headers headers = {});
loop::Task<void> sendFailure(http::ResponseWriter& response, Failure failure);
// The request's body; nullopt if it did not come whole: then the client has its answer.
loop::Task<std::optional<std::string>> receiveBody(Exchange& exchange);
// As JSON, or YAML where that was asked for.
loop::Task<void> sendValue(Exchange& exchange, int status, Value value, std::vector<std::string> warnings = {});
// The stored text itself if the plain JSON form is wanted.
loop::Task<void> sendObject(Exchange& exchange, int status, cluster::ObjectRef object,
                            std::vector<std::string> warnings = {});

// Each answers completely.
loop::Task<void> serveResource(Exchange& exchange);
loop::Task<void> serveGet(Exchange& exchange);
loop::Task<void> serveList(Exchange& exchange);
loop::Task<void> serveWatch(Exchange& exchange);
loop::Task<void> serveWrite(Exchange& exchange);
loop::Task<void> serveDelete(Exchange& exchange);
loop::Task<void> serveLog(Exchange& exchange);
loop::Task<void> serveReview(Exchange& exchange);
bool isReview(const ResourcePath& path);

}  // namespace towpath::apiserver
