#include "cli/connection.h"
#include "cli/command.h"
#include "json/yaml.h"

namespace towpath::cli {

Exit printKubeconfig(Context context) {
  print(json::toYaml(orFail(toKubeconfig(context.api.connection()))));
  co_return 0;
}

Exit printVersion(Context context) {
  print("towpath " TOWPATH_VERSION "\n");
  const auto server = co_await context.api.call("GET", "/version");
  if (server)
    print(fmt::format("server {}\n", (*server)["gitVersion"].asString()));
  else
    fmt::print(stderr, "server: {}\n", describe(server.error()));
  co_return 0;
}

}  // namespace towpath::cli
