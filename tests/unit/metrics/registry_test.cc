#include "store_double.h"

namespace towpath::metrics {

TEST_CASE("a metric needs one provider that there is") {
  const auto make = [](std::string_view text) { return makeProvider(yaml(text), {}); };
  CHECK(make("{}").error().message == "no provider specified");
  CHECK(make("{web: {}, job: {}}").error().message == "multiple providers specified");
  CHECK(make("{plugin: {a/b: {}, c/d: {}}}").error().message == "multiple providers specified");
  CHECK(make("{plugin: {a/b: {}}}").error().kind == ErrorKind::kUnsupported);
  CHECK(make("{stackdriver: {}}").error().kind == ErrorKind::kUnsupported);
  CHECK(make("{kayenta: {}}").error().kind == ErrorKind::kUnsupported);  // no HTTP here
}

TEST_CASE("all providers of the peer are here") {
  StoreDouble store;
  for (const char* key : {"prometheus", "job", "kayenta", "web", "datadog", "wavefront", "newRelic", "cloudWatch",
                          "graphite", "influxdb", "skywalking"}) {
    INFO(key);
    CHECK(makeProvider(Object{{key, Object()}}, store.context).has_value());
  }
}

}  // namespace towpath::metrics
