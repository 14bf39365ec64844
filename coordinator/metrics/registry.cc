#include "metrics/registry.h"

#include <utility>

#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

using Make = std::unique_ptr<Provider> (*)(const ProviderContext& context);

constexpr std::pair<std::string_view, Make> kProviders[] = {
    {"prometheus", makePrometheus},
    {"job", makeJob},
    {"web", makeWeb},
    {"plugin/towpath/judge", makeTowpathJudge},
    {"plugin/towpath/traffic", makeTowpathTraffic},
};

// "web", "plugin/towpath/traffic"; what `provider` names, one or more.
std::vector<std::string> keysOf(const Value& provider) {
  std::vector<std::string> keys;
  for (const auto& [key, config] : provider.asObject()) {
    if (key != "plugin") {
      keys.push_back(key);
      continue;
    }
    for (const auto& [name, settings] : config.asObject()) keys.push_back("plugin/" + name);
  }
  return keys;
}

}  // namespace

Result<std::unique_ptr<Provider>> makeProvider(const Value& provider, const ProviderContext& context) {
  const std::vector<std::string> keys = keysOf(provider);
  if (keys.empty()) return fail(ErrorKind::kInvalid, "no provider specified", "provider");
  if (keys.size() > 1) return fail(ErrorKind::kInvalid, "multiple providers specified", "provider");
  for (const auto& [name, make] : kProviders) {
    if (name != keys.front()) continue;
    std::unique_ptr<Provider> made = make(context);
    if (!made) return fail(ErrorKind::kUnsupported, "metric provider \"" + keys.front() + "\" has no source here");
    return made;
  }
  return fail(ErrorKind::kUnsupported, "no metric provider \"" + keys.front() + "\" here", "provider");
}

}  // namespace towpath::metrics
