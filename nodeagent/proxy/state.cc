#include "proxy/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/hash.h"

namespace towpath::proxy {

std::string toString(const ServicePort& port) { return fmt::format("{}/{}:{}", port.ns, port.service, port.port); }

std::string makeRuleId(const RouteRef& ref) {
  std::string id = fmt::format("{}.{}.{}.{}", ref.kind, ref.ns, ref.name, ref.rule);
  // File names end at 255 bytes, and temporary names need some of them.
  constexpr std::size_t kLongest = 200;
  if (id.size() <= kLongest) return id;
  const std::string end = fmt::format("~{:016x}.{}", fnv1a64(id), ref.rule);
  return id.substr(0, kLongest - end.size()) + end;
}

std::optional<RouteRef> parseRuleId(std::string_view id) {
  const std::size_t kind_end = id.find('.');
  if (kind_end == std::string_view::npos) return std::nullopt;
  const std::size_t ns_end = id.find('.', kind_end + 1);
  const std::size_t name_end = id.rfind('.');
  if (ns_end == std::string_view::npos || name_end <= ns_end) return std::nullopt;
  RouteRef ref;
  ref.kind = id.substr(0, kind_end);
  ref.ns = id.substr(kind_end + 1, ns_end - kind_end - 1);
  ref.name = id.substr(ns_end + 1, name_end - ns_end - 1);
  for (const char c : id.substr(name_end + 1)) {
    if (c < '0' || c > '9' || ref.rule > 100000) return std::nullopt;
    ref.rule = ref.rule * 10 + (c - '0');
  }
  return ref;
}

const Rule* findRule(const ProxyState& state, std::string_view id) {
  const auto found = std::ranges::find(state.rules, id, &Rule::id);
  return found == state.rules.end() ? nullptr : &*found;
}

const Backend* findBackend(const ProxyState& state, const ServicePort& service) {
  const auto found = std::ranges::find(state.backends, service, &Backend::service);
  return found == state.backends.end() ? nullptr : &*found;
}

const VersionServers* findVersion(const ProxyState& state, const Version& version) {
  const Backend* backend = findBackend(state, version.service);
  if (!backend) return nullptr;
  const auto found = std::ranges::find(backend->versions, version.hash, &VersionServers::hash);
  return found == backend->versions.end() ? nullptr : &*found;
}

std::vector<int> toShares(const std::vector<std::int64_t>& weights) {
  std::vector<int> shares(weights.size(), 0);
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  if (sum <= 0) return shares;
  std::vector<std::size_t> order;
  int given = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    shares[i] = static_cast<int>(weights[i] * kWeightTotal / sum);
    // A weight that rounds to nothing still means some: it takes the smallest share there is.
    if (weights[i] > 0 && shares[i] == 0) shares[i] = 1;
    given += shares[i];
    order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(-(weights[i] * kWeightTotal % sum), i); });
  for (std::size_t i = 0; given < kWeightTotal; i = (i + 1) % order.size()) {
    if (weights[order[i]] == 0) continue;
    ++shares[order[i]];
    ++given;
  }
  while (given > kWeightTotal) {
    --*std::ranges::max_element(shares);
    --given;
  }
  return shares;
}

}  // namespace towpath::proxy
