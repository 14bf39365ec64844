// HAProxy's answers at its command line: show proc, show servers state, show stat, show map, show table. The first line
// is a backend's name, as it comes back in each of them.

#include "fuzz.h"
#include "proxy/haproxy_runtime.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  proxy::WorkerView view;
  if (proxy::readServersState(input, view)) {
    const auto commands = proxy::commandsFor(view, {}, {}, proxy::WorkerAge::kOld);
    require(commands.maps.empty(), "no rule, no map");
  }
  const std::vector<proxy::MapEntry> map = proxy::readMap(input);
  double sum = 0;
  for (const auto& [name, share] : proxy::sharesOf(map)) sum += share;
  require(sum <= 1.0001, "shares of a map sum to one at most");
  for (const proxy::StatRow& row : proxy::readStat(input)) static_cast<void>(proxy::parseBackendName(row.proxy));
  static_cast<void>(proxy::readTable(input));
  static_cast<void>(proxy::readProcesses(input));
  const auto slot = proxy::parseBackendName(cut(input).first);
  if (slot) {
    const std::string name = proxy::backendName(slot->service, slot->version_slot);
    const auto again = proxy::parseBackendName(name);
    require(again && again->service == slot->service && again->version_slot == slot->version_slot, name);
  }
}

}  // namespace towpath::fuzz
