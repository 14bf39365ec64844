#include "cluster/selector.h"

#include <doctest/doctest.h>

#include "json/yaml.h"

namespace towpath::cluster {
namespace {
LabelSelector selector(std::string_view text) { return *LabelSelector::fromObject(*json::parseYamlDocument(text)); }
}  // namespace

TEST_CASE("selectors match labels as their operators say") {
  const LabelSelector both = selector(
      "{matchLabels: {app: shop}, matchExpressions: [{key: tier, operator: In, values: [b, a]}, "
      "{key: old, operator: DoesNotExist}, {key: zone, operator: NotIn, values: [x]}]}");
  CHECK(both.matches({{"app", "shop"}, {"tier", "a"}}));
  CHECK_FALSE(both.matches({{"app", "shop"}}));
  CHECK_FALSE(both.matches({{"app", "shop"}, {"tier", "a"}, {"old", ""}}));
  CHECK_FALSE(both.matches({{"app", "shop"}, {"tier", "a"}, {"zone", "x"}}));
  CHECK(both.text() == "app=shop,!old,tier in (a,b),zone notin (x)");
  CHECK(selector("{}").empty());
}

TEST_CASE("a faulty selector is an error that names the field") {
  const auto unknown =
      LabelSelector::fromObject(*json::parseYamlDocument("{matchExpressions: [{key: a, operator: Near}]}"));
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().field == "operator");
  // Without a key it would match nothing and print as nothing, which matches everything.
  const auto nameless = LabelSelector::fromObject(*json::parseYamlDocument("{matchExpressions: [{operator: Exists}]}"));
  REQUIRE_FALSE(nameless.has_value());
  CHECK(nameless.error().field == "key");
}

}  // namespace towpath::cluster
