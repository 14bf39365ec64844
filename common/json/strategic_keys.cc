#include "json/strategic_keys.h"

#include <array>

namespace towpath::json {

namespace {

struct Rule {
  std::string_view field;
  std::string_view key;          // "" for a set of plain values
  std::string_view kind = "";    // "" for every kind
  std::string_view parent = "";  // "" for every place
};

// The first rule that fits wins.
constexpr Rule kRules[] = {
    {"ownerReferences", "uid", "", "metadata"},
    {"finalizers", "", "", "metadata"},
    {"finalizers", "", "Namespace", "spec"},
    {"conditions", "type", "", "status"},
    {"conditions", "type", "Service", ""},

    {"ports", "port", "Service", "spec"},
    {"podCIDRs", "", "Node", "spec"},
    {"addresses", "type", "Node", "status"},
    {"secrets", "name", "ServiceAccount", ""},
    {"podIPs", "ip", "Pod", "status"},
    {"hostIPs", "ip", "Pod", "status"},

    {"containers", "name"},
    {"initContainers", "name"},
    {"ephemeralContainers", "name"},
    {"volumes", "name"},
    {"imagePullSecrets", "name"},
    {"hostAliases", "ip"},
    {"topologySpreadConstraints", "topologyKey"},
    {"schedulingGates", "name"},
    {"resourceClaims", "name", "", "spec"},
    {"ports", "containerPort", "", "containers"},
    {"ports", "containerPort", "", "initContainers"},
    {"ports", "containerPort", "", "ephemeralContainers"},
    {"env", "name"},
    {"volumeMounts", "mountPath"},
    {"volumeDevices", "devicePath"},
};

}  // namespace

std::optional<std::string_view> mergeKey(std::string_view kind, std::string_view parent, std::string_view field) {
  for (const Rule& rule : kRules) {
    const bool fits = rule.field == field && (rule.kind.empty() || rule.kind == kind) &&
                      (rule.parent.empty() || rule.parent == parent);
    if (fits) return rule.key;
  }
  return std::nullopt;
}

}  // namespace towpath::json
