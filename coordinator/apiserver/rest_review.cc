// kubectl auth whoami and can-i: questions of a user about itself.

#include "apiserver/exchange.h"

namespace towpath::apiserver {
namespace {

Value userInfo(const User& user) {
  Object info{{"username", user.name}, {"groups", Array(user.groups.begin(), user.groups.end())}};
  if (!user.uid.empty()) info.set("uid", user.uid);
  return info;
}

Value accessStatus(const Exchange& exchange, const Value& spec) {
  const auto& attributes = spec["resourceAttributes"];
  Access access{attributes["verb"].asString(), attributes["group"].asString(), attributes["resource"].asString(),
                attributes["subresource"].asString()};
  if (attributes.isNull()) access.verb = spec["nonResourceAttributes"]["verb"].asString();
  const bool allowed = isAllowed(exchange.user, access);
  return Object{{"allowed", allowed},
                {"reason", allowed ? "the role of the user allows it" : "the role of the user does not allow it"}};
}

Value rulesStatus(const User& user) {
  Array verbs;
  if (user.role == Role::kAdmin)
    verbs = {"*"};
  else if (user.role == Role::kViewer)
    verbs = {"get", "list", "watch"};
  Array rules, addresses;
  if (!verbs.empty()) {
    rules.push_back(Object{{"verbs", verbs}, {"apiGroups", Array{"*"}}, {"resources", Array{"*"}}});
    addresses.push_back(Object{{"verbs", verbs}, {"nonResourceURLs", Array{"*"}}});
  }
  return Object{{"resourceRules", std::move(rules)}, {"nonResourceRules", std::move(addresses)}, {"incomplete", false}};
}

}  // namespace

bool isReview(const ResourcePath& path) {
  if (path.version != "v1" || !path.name.empty() || !path.ns.empty()) return false;
  if (path.group == "authentication.k8s.io") return path.plural == "selfsubjectreviews";
  return path.group == "authorization.k8s.io" &&
         (path.plural == "selfsubjectaccessreviews" || path.plural == "selfsubjectrulesreviews");
}

loop::Task<void> serveReview(Exchange& exchange) {
  if (exchange.request.method != "POST") {
    co_await sendFailure(exchange.response,
                         {.reason = Reason::kMethodNotAllowed,
                          .message = "the server does not allow this method on the requested resource"});
    co_return;
  }
  const auto bytes = co_await receiveBody(exchange);
  if (!bytes) co_return;
  auto review = readBody(exchange.request.headers.get("Content-Type"), *bytes, nullptr);
  if (!review) {
    co_await sendFailure(exchange.response, review.error());
    co_return;
  }
  const Value spec = std::as_const(*review)["spec"];
  Value status;
  if (exchange.path.plural == "selfsubjectreviews")
    status = Object{{"userInfo", userInfo(exchange.user)}};
  else if (exchange.path.plural == "selfsubjectaccessreviews")
    status = accessStatus(exchange, spec);
  else
    status = rulesStatus(exchange.user);
  (*review)["status"] = std::move(status);
  co_await sendValue(exchange, 201, std::move(*review));
}

}  // namespace towpath::apiserver
