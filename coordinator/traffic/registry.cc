#include "traffic/registry.h"

#include <array>
#include <utility>

#include "traffic/gateway_api.h"

namespace towpath::traffic {
namespace {

using Make = Result<std::unique_ptr<Router>> (*)(const Value& config, const RouterContext& context);

constexpr std::array<std::pair<std::string_view, Make>, 2> kRouters{{
    {"plugins/argoproj-labs/gatewayAPI", makeGatewayApi},
    {"plugins/towpath/gatewayAPI", makeGatewayApi},
}};

}  // namespace

Result<std::unique_ptr<Router>> makeRouter(std::string_view key, const Value& config, const RouterContext& context) {
  for (const auto& [name, make] : kRouters) {
    if (name == key) return make(config, context);
  }
  return fail(ErrorKind::kUnsupported, "no traffic router \"" + std::string(key) + "\" here; there are " +
                                           routerKeys().front() + " and " + routerKeys().back());
}

std::vector<std::string> routerKeys() {
  std::vector<std::string> keys;
  for (const auto& [name, make] : kRouters) keys.emplace_back(name);
  return keys;
}

}  // namespace towpath::traffic
