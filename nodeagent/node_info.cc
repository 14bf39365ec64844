#include "node_info.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <thread>

#include "agent_config.h"
#include "base/file.h"

namespace towpath::nodeagent {

namespace {

// Less than this left free counts as pressure, as the kubelet's defaults have it (10 % of the disk, 100 MB of memory).
constexpr std::uint64_t kDiskFreePercent = 10;
constexpr std::int64_t kMemoryFreeKb = 100 << 10;

std::string fileLine(const std::string& path) {
  std::string text = readFile(path, 4096).value_or("");
  return text.substr(0, text.find('\n'));
}

// "NAME: 123 kB" in a file of /proc; 0 if it is not there.
std::int64_t procKb(const std::string& path, const std::string& name) {
  std::string text = readFile(path, 1u << 16).value_or("");
  std::size_t at = text.find(name + ":");
  if (at == std::string::npos) return 0;
  return std::strtoll(text.c_str() + at + name.size() + 1, nullptr, 10);
}

std::string operatingSystem() {
  std::string text = readFile("/etc/os-release", 1u << 16).value_or("");
  constexpr std::string_view kKey = "PRETTY_NAME=\"";
  std::size_t at = text.find(kKey);
  if (at == std::string::npos) return "Linux";
  at += kKey.size();
  return text.substr(at, text.find('"', at) - at);
}

// As GOARCH, which node labels and images use.
std::string architecture(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  return machine;
}

std::string addressOf(const ifaddrs& entry, int family) {
  if (!entry.ifa_addr || entry.ifa_addr->sa_family != family || (entry.ifa_flags & IFF_LOOPBACK)) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == AF_INET) {
    ::inet_ntop(family, &reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr, text.data(), text.size());
  } else {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&address)) return {};
    ::inet_ntop(family, &address, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

std::string hostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  std::string text = name.data();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string firstAddress() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "127.0.0.1";
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
      if (std::string address = addressOf(*entry, family); !address.empty()) return address;
    }
  }
  return "127.0.0.1";
}

wire::NodeInfo describeNode(const Config& config) {
  utsname system{};
  ::uname(&system);
  struct sysinfo memory{};
  ::sysinfo(&memory);
  return {.agent_version = TOWPATH_VERSION,
          .architecture = architecture(system.machine),
          .operating_system = operatingSystem(),
          .kernel = system.release,
          .boot_id = fileLine("/proc/sys/kernel/random/boot_id"),
          .cpu_milli = std::int64_t{1000} * std::max(1U, std::thread::hardware_concurrency()),
          .memory_bytes = static_cast<std::int64_t>(memory.totalram) * memory.mem_unit,
          .labels = config.labels,
          .addresses = {config.address},
          .runtimes = {"process"},
          .port_range = {config.port_first, config.port_last}};
}

wire::NodeCondition measureNode(const std::string& data_dir) {
  wire::NodeCondition condition;
  struct statvfs disk{};
  if (::statvfs(data_dir.c_str(), &disk) == 0 && disk.f_blocks > 0) {
    condition.disk_pressure = disk.f_bavail * 100 / disk.f_blocks < kDiskFreePercent;
  }
  std::int64_t available = procKb("/proc/meminfo", "MemAvailable");
  condition.memory_pressure = available > 0 && available < kMemoryFreeKb;
  condition.agent_rss_bytes = procKb("/proc/self/status", "VmRSS") * 1024;
  return condition;
}

}  // namespace towpath::nodeagent
