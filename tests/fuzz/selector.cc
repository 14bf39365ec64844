// Label selectors: the text of requests, and the objects of manifests. The first line is the text, the rest a
// LabelSelector as JSON. Both say the same of the same labels.

#include "apiserver/selector.h"

#include "api/workload_view.h"
#include "cluster/selector.h"
#include "fuzz.h"
#include "json/parse.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  const auto [text, object] = cut(input);
  const cluster::Labels labels = {{"app", "shop"}, {"tier", "web"}, {"n", "7"}};
  cluster::ObjectMeta meta;
  meta.labels = labels;
  if (const auto selector = apiserver::LabelSelector::parse(text)) static_cast<void>(selector->matches(meta));
  const Result<Value> value = json::parse(object);
  if (!value) return;
  static_cast<void>(api::selectorText(*value));
  static_cast<void>(api::selectorMatches(*value, Value(Object{{"app", "shop"}, {"tier", "web"}})));
  const Result<cluster::LabelSelector> selector = cluster::LabelSelector::fromObject(*value);
  if (!selector) return;
  const auto again = apiserver::LabelSelector::parse(selector->text());
  // Keys and values that no label can have print as what is no selector.
  if (again) require(again->matches(meta) == selector->matches(labels), selector->text());
}

}  // namespace towpath::fuzz
