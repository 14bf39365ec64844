#include "traffic/managed_routes.h"

#include <doctest/doctest.h>

#include "json/serialize.h"
#include "json/yaml.h"
#include "traffic/gateway_api.h"
#include "traffic/live_weights.h"
#include "traffic/registry.h"

namespace towpath::traffic {
namespace {

const Target kTarget{.ns = "default",
                     .rollout = "shop",
                     .canary_service = "canary",
                     .stable_service = "stable",
                     .managed_routes = {"beta", "shadow"},
                     .max_weight = 100};

Value yaml(std::string_view text) { return *json::parseYamlDocument(text); }
Value route(std::string_view rules) { return yaml("{metadata: {name: r}, spec: {rules: " + std::string(rules) + "}}"); }

constexpr const char* kBoth =
    "backendRefs: [{name: stable, port: 80, weight: 90}, {name: canary, port: 80, weight: 10}]";

model::SetHeaderRouteStep header(std::vector<model::HeaderMatch> match) { return {"beta", std::move(match)}; }
const model::HeaderMatch kExact{"X-Beta", {.exact = "yes", .prefix = "", .regex = ""}};

model::SetMirrorRouteStep mirror(model::RouteMatch match, std::optional<std::int32_t> percentage = 50) {
  return {"shadow", {std::move(match)}, percentage};
}
model::StringMatch exact(const char* text) { return {.exact = text, .prefix = "", .regex = ""}; }
model::StringMatch prefix(const char* text) { return {.exact = "", .prefix = text, .regex = ""}; }

std::string names(const Value& rules) {
  std::string text;
  for (const Value& rule : rules.asArray()) text += rule["name"].asString("-") + " ";
  return text;
}

}  // namespace

TEST_CASE("a header route has a rule for each rule that names both services, with its matches and filters") {
  const Value object =
      route(fmt::format("[{{{0}}}, {{backendRefs: [{{name: other}}]}}, {{matches: [{{method: GET, headers: "
                        "[{{name: A, value: b}}]}}], filters: [{{type: F}}], {0}}}]",
                        kBoth));
  const auto rules = rulesWithManagedRoutes(object, kTarget, {header({kExact})});
  REQUIRE(rules.has_value());
  CHECK(names(*rules) == "- - - beta beta-1 ");
  CHECK((*rules)[3] == yaml(R"({name: beta,
    matches: [{path: {type: PathPrefix, value: /}, headers: [{type: Exact, name: X-Beta, value: "yes"}]}],
    backendRefs: [{group: "", kind: Service, name: canary, port: 80, weight: 1}]})"));
  CHECK((*rules)[4]["matches"] == yaml(R"([{method: GET,
    headers: [{name: A, value: b}, {type: Exact, name: X-Beta, value: "yes"}]}])"));
  CHECK((*rules)[4]["filters"] == yaml("[{type: F}]"));
}

TEST_CASE("a prefix and a regex of a header are regular expressions of the route") {
  const auto rules = rulesWithManagedRoutes(route(fmt::format("[{{{}}}]", kBoth)), kTarget,
                                            {header({{"A", {.exact = "", .prefix = "can", .regex = ""}},
                                                     {"B", {.exact = "", .prefix = "", .regex = "c.*y"}}})});
  REQUIRE(rules.has_value());
  CHECK((*rules)[1]["matches"][0]["headers"] == yaml("[{type: RegularExpression, name: A, value: can.*},"
                                                     " {type: RegularExpression, name: B, value: c.*y}]"));
}

TEST_CASE("managed rules are replaced, kept as they are, or taken away; the others are never touched") {
  const Value object = route(fmt::format("[{{{}}}, {{name: betamax, backendRefs: [{{name: canary}}]}}]", kBoth));
  Value with = object;
  with["spec"]["rules"] = *rulesWithManagedRoutes(object, kTarget, {header({kExact})});
  CHECK(names(with["spec"]["rules"]) == "- betamax beta ");
  CHECK(*rulesWithManagedRoutes(with, kTarget, {header({kExact})}) == with["spec"]["rules"]);
  const auto changed = rulesWithManagedRoutes(with, kTarget, {header({{"X-Other", exact("1")}})});
  CHECK(names(*changed) == "- betamax beta ");
  CHECK((*changed)[2]["matches"][0]["headers"][0]["name"].asString() == "X-Other");
  CHECK(*rulesWithManagedRoutes(with, kTarget, {}) == object["spec"]["rules"]);
}

TEST_CASE("a mirror route comes first, splits as its source does and copies to the canary") {
  Value object = route(fmt::format("[{{matches: [{{path: {{type: PathPrefix, value: /shop}}}}], {}}}]", kBoth));
  model::RouteMatch match;
  match.method = exact("GET");
  match.path = prefix("/shop/cart");
  match.headers = {kExact};
  const auto rules = rulesWithManagedRoutes(object, kTarget, {mirror(match)});
  REQUIRE(rules.has_value());
  CHECK((*rules)[0] == yaml(R"({name: shadow,
    matches: [{path: {type: PathPrefix, value: /shop/cart}, method: GET,
               headers: [{type: Exact, name: X-Beta, value: "yes"}]}],
    filters: [{type: RequestMirror, requestMirror:
               {backendRef: {group: "", kind: Service, name: canary, port: 80}, percent: 50}}],
    backendRefs: [{name: stable, port: 80, weight: 90}, {name: canary, port: 80, weight: 10}]})"));

  object["spec"]["rules"] = *rules;
  const auto weighed = rulesWithWeights(object, kTarget, {.canary = 30, .additional = {}, .former = {}});
  CHECK((*weighed)[0]["backendRefs"][1]["weight"].asInt() == 30);
  CHECK((*weighed)[1]["backendRefs"][1]["weight"].asInt() == 30);
}

TEST_CASE("a mirrored request has to match the source and the step") {
  struct Row {
    const char* source;
    model::StringMatch wanted;
    const char* joined;  // "" for none
  };
  const Row rows[] = {{"PathPrefix /", exact("/a"), "Exact /a"},
                      {"PathPrefix /a", prefix("/a/b"), "PathPrefix /a/b"},
                      {"PathPrefix /a/b", prefix("/a"), "PathPrefix /a/b"},
                      {"PathPrefix /a", exact("/ab"), ""},
                      {"Exact /a", exact("/a"), "Exact /a"},
                      {"Exact /a", prefix("/b"), ""},
                      {"PathPrefix /", {.exact = "", .prefix = "", .regex = "/x.*"}, "RegularExpression /x.*"},
                      {"PathPrefix /a", {.exact = "", .prefix = "", .regex = "/x.*"}, ""}};
  for (const Row& row : rows) {
    CAPTURE(row.source);
    const std::string source = row.source;
    const std::size_t space = source.find(' ');
    const Value object = route(fmt::format("[{{matches: [{{path: {{type: {}, value: {}}}}}], {}}}]",
                                           source.substr(0, space), source.substr(space + 1), kBoth));
    model::RouteMatch match;
    match.path = row.wanted;
    const auto rules = rulesWithManagedRoutes(object, kTarget, {mirror(match, std::nullopt)});
    if (std::string(row.joined).empty()) {
      REQUIRE_FALSE(rules.has_value());
      CHECK(rules.error().message.find("managed route shadow") != std::string::npos);
      continue;
    }
    REQUIRE(rules.has_value());
    const Value& path = (*rules)[0]["matches"][0]["path"];
    CHECK(path["type"].asString() + " " + path["value"].asString() == row.joined);
    CHECK((*rules)[0]["filters"][0]["requestMirror"]["percent"].isNull());
  }
}

TEST_CASE("what a router cannot do is said with the reason") {
  const auto why = [](const char* config, RouteReports reports, const model::Step& step) {
    RouterContext context;
    context.reports = reports;
    const auto router = makeRouter("plugins/argoproj-labs/gatewayAPI", yaml(config), context);
    const Result<void> can = (*router)->supports(step);
    return can ? std::string() : can.error().message;
  };
  const model::Step set = header({kExact});
  model::RouteMatch match;
  match.method = prefix("GE");
  CHECK(why("{httpRoute: r}", RouteReports::kNone, set).empty());
  CHECK(why("{httpRoutes: [{name: r, useHeaderRoutes: true}]}", RouteReports::kExpected, set).empty());
  CHECK(why("{httpRoutes: [{name: r}]}", RouteReports::kNone, set).find("useHeaderRoutes: true") != std::string::npos);
  CHECK(why("{httpRoutes: [{name: r}]}", RouteReports::kNone, header({})).empty());  // takes one away
  CHECK(why("{httpRoute: r}", RouteReports::kNone, mirror(match)).find("method.exact") != std::string::npos);
  match.method = exact("GET");
  CHECK(why("{httpRoute: r}", RouteReports::kNone, mirror(match)).empty());
  CHECK(why("{httpRoute: r}", RouteReports::kExpected, mirror(match)).find("cannot mirror") != std::string::npos);
  CHECK(why("{httpRoute: r}", RouteReports::kNone, mirror(match, 101)).find("percentage") != std::string::npos);
}

TEST_CASE("the share that nodes report is the mean over the rules that send the service any") {
  Value object =
      route(fmt::format("[{{{}}}, {{backendRefs: [{{name: canary}}]}}, {{backendRefs: [{{name: stable}}]}},"
                        " {{backendRefs: [{{name: stable, weight: 1}}, {{name: canary, weight: 0}}]}}]",
                        kBoth));
  CHECK(specShare(object, "canary") == doctest::Approx((0.1 + 1) / 2));
  CHECK(specShare(object, "nobody") == 0);
}

TEST_CASE("the service of an experiment that is over loses its share, its own port and a lone backend stay") {
  const Value object = route(fmt::format("[{{{}}}, {{backendRefs: [{{name: canary, weight: 5}}]}}]", kBoth));
  const auto with = rulesWithWeights(object, kTarget, {.canary = 10, .additional = {{5, "trial", "h"}}, .former = {}},
                                     {{"trial", 8080}});
  CHECK((*with)[0]["backendRefs"][0]["weight"].asInt() == 85);
  CHECK((*with)[0]["backendRefs"][2] == yaml("{name: trial, port: 8080, weight: 5}"));
  CHECK((*with)[1]["backendRefs"][0]["weight"].asInt() == 5);
  Value after = object;
  after["spec"]["rules"] = *with;
  const auto without = rulesWithWeights(after, kTarget, {.canary = 10, .additional = {}, .former = {"trial"}});
  CHECK(*without == object["spec"]["rules"]);
}

}  // namespace towpath::traffic
