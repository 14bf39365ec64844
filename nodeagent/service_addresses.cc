#include "service_addresses.h"

#include <arpa/inet.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <optional>

#include "cluster/object.h"

namespace towpath::nodeagent {

namespace {

constexpr std::uint32_t kPoolBegin = 0x7f400000;  // 127.64.0.0
constexpr std::uint32_t kPoolMask = 0xffc00000;   // /10
constexpr std::uint32_t kOwnMask = 0x0000ffff;    // a base of an agent's own stands for 65536 addresses

std::optional<std::uint32_t> number(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string environmentName(std::string_view name) {
  std::string upper;
  for (char c : name)
    upper += c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

}  // namespace

std::string rebasedAddress(const std::string& cluster_ip, const std::string& base) {
  std::optional<std::uint32_t> address = number(cluster_ip), begin = number(base);
  if (!address || !begin || (*address & kPoolMask) != kPoolBegin) return cluster_ip;
  if (*begin == kPoolBegin) return cluster_ip;
  in_addr moved{.s_addr = htonl((*begin & ~kOwnMask) + ((*address - kPoolBegin) & kOwnMask))};
  std::array<char, INET_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET, &moved, text.data(), text.size());
}

std::vector<std::pair<std::string, std::string>> serviceEnvironment(const std::vector<Value>& services,
                                                                    std::string_view ns) {
  std::vector<std::pair<std::string, std::string>> environment;
  for (const Value& service : services) {
    std::string host = service.at({"spec", "clusterIP"}).asString();
    if (cluster::namespaceOf(service) != ns || host.empty() || host == "None") continue;
    const std::string prefix = environmentName(cluster::nameOf(service)) + "_SERVICE_";
    environment.emplace_back(prefix + "HOST", host);
    bool first = true;
    for (const Value& port : service.at({"spec", "ports"}).asArray()) {
      std::string value = std::to_string(port["port"].asInt());
      if (first) environment.emplace_back(prefix + "PORT", value);
      first = false;
      if (std::string name = port["name"].asString(); !name.empty()) {
        environment.emplace_back(prefix + "PORT_" + environmentName(name), value);
      }
    }
  }
  return environment;
}

}  // namespace towpath::nodeagent
