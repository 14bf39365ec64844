#include "metrics/registry.h"

#include <utility>

#include "metrics/metric_programs.h"
#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

using Make = std::unique_ptr<Provider> (*)(const ProviderContext& context);

constexpr std::pair<std::string_view, Make> kProviders[] = {
    {"prometheus", makePrometheus},
    {"job", makeJob},
    {"kayenta", makeKayenta},
    {"web", makeWeb},
    {"datadog", makeDatadog},
    {"wavefront", makeWavefront},
    {"newRelic", makeNewRelic},
    {"cloudWatch", makeCloudWatch},
    {"graphite", makeGraphite},
    {"influxdb", makeInfluxdb},
    {"skywalking", makeSkyWalking},
    {"plugin/towpath/exec", makeJob},
    {"plugin/towpath/judge", makeTowpathJudge},
    {"plugin/towpath/traffic", makeTowpathTraffic},
};

constexpr std::string_view kPlugin = "plugin/";

// "web", "plugin/towpath/traffic"; what `provider` names, one or more.
std::vector<std::string> keysOf(const Value& provider) {
  std::vector<std::string> keys;
  for (const auto& [key, config] : provider.asObject()) {
    if (key != "plugin") {
      keys.push_back(key);
      continue;
    }
    for (const auto& [name, settings] : config.asObject()) keys.push_back(std::string(kPlugin) + name);
  }
  return keys;
}

Make makerOf(const std::string& key, const ProviderContext& context) {
  for (const auto& [name, make] : kProviders) {
    if (name == key) return make;
  }
  const bool configured =
      key.starts_with(kPlugin) && context.programs && context.programs->knows(key.substr(kPlugin.size()));
  return configured ? makePlugin : nullptr;
}

}  // namespace

Result<std::unique_ptr<Provider>> makeProvider(const Value& provider, const ProviderContext& context) {
  const std::vector<std::string> keys = keysOf(provider);
  if (keys.empty()) return fail(ErrorKind::kInvalid, "no provider specified", "provider");
  if (keys.size() > 1) return fail(ErrorKind::kInvalid, "multiple providers specified", "provider");
  const Make make = makerOf(keys.front(), context);
  if (!make) {
    return fail(ErrorKind::kUnsupported,
                "no metric provider \"" + keys.front() + "\" here; a plugin must be named in coordinator.toml",
                "provider");
  }
  std::unique_ptr<Provider> made = make(context);
  if (!made) return fail(ErrorKind::kUnsupported, "metric provider \"" + keys.front() + "\" has no source here");
  return made;
}

}  // namespace towpath::metrics
