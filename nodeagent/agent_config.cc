#include "agent_config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <set>

#include "config/config.h"
#include "node_info.h"

namespace towpath::nodeagent {

namespace {

const std::set<std::string> kFlags = {"--config",   "--join",    "--coordinator", "--node-name",
                                      "--data-dir", "--address", "--log-level"};

bool isIpv4(const std::string& text) {
  in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool isAddress(const std::string& text) {
  in6_addr address{};
  return isIpv4(text) || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

void readImages(config::Table& root, Config& config) {
  for (auto& [pattern, table] : root.tables("images")) {
    supervise::ImageMapping mapping{.artifact = table->text("artifact", ""),
                                    .runtime = table->text("runtime", "process")};
    if (mapping.artifact.empty()) table->refuse("artifact", "is needed: a file:// or https:// URL");
    config.images.emplace(pattern, std::move(mapping));
  }
}

void readProxy(config::Table& table, Config& config) {
  config.haproxy = table.text("haproxy", config.haproxy);
  config.listen_address = table.text("listen_address", config.listen_address);
  if (!isAddress(config.listen_address)) table.refuse("listen_address", "must be a numeric address");
  config.service_base = table.text("service_base", config.service_base);
  if (!isIpv4(config.service_base) || !config.service_base.starts_with("127.")) {
    table.refuse("service_base", "must be a loopback address such as 127.64.0.0");
  }
  config.drain_bound = table.duration("drain_bound", config.drain_bound);
  config.drain_settle = table.duration("drain_settle", config.drain_settle);
  config.sample_interval = table.duration("sample_interval", config.sample_interval);
}

void readInstances(config::Table& table, Config& config) {
  config.default_user = table.text("user", "");
  config.cgroup_root = table.text("cgroup_root", "");
  config.log_file_bytes = table.integer("log_file_bytes", config.log_file_bytes, {.min = 4096});
  config.log_files = table.integer("log_files", config.log_files, {.min = 1, .max = 100});
}

void readRoot(config::Table& root, Config& config) {
  config.node_name = root.text("node_name", "");
  config.coordinator = root.text("coordinator", "");
  config.join_token = root.text("join_token", "");
  config.data_dir = root.text("data_dir", config.data_dir);
  config.run_dir = root.text("run_dir", "");
  config.address = root.text("address", "");
  if (!config.address.empty() && !isAddress(config.address)) root.refuse("address", "must be a numeric address");
  std::vector<std::int64_t> range =
      root.integers("port_range", {config.port_first, config.port_last}, {.min = 1, .max = 65535});
  if (range.size() == 2 && range[0] <= range[1]) {
    config.port_first = static_cast<std::int32_t>(range[0]);
    config.port_last = static_cast<std::int32_t>(range[1]);
  } else {
    root.refuse("port_range", "must be two numbers, the first and the last port: [20000, 29999]");
  }
  config.labels = root.textMap("labels");
  if (std::string level = root.text("log_level", "info"); !log::parseLevel(level, config.log_level)) {
    root.refuse("log_level", "must be debug, info, warn or error");
  }
  readImages(root, config);
  readProxy(root.table("proxy"), config);
  readInstances(root.table("instances"), config);
}

Result<void> applyCommandLine(const CommandLine& command_line, Config& config) {
  auto take = [&](const char* flag, std::string& into) {
    auto found = command_line.values.find(flag);
    if (found != command_line.values.end()) into = found->second;
  };
  take("--join", config.join_token);
  take("--coordinator", config.coordinator);
  take("--node-name", config.node_name);
  take("--data-dir", config.data_dir);
  take("--address", config.address);
  std::string level;
  take("--log-level", level);
  if (!level.empty() && !log::parseLevel(level, config.log_level)) {
    return fail(ErrorKind::kInvalid, "--log-level must be debug, info, warn or error");
  }
  if (!config.address.empty() && !isAddress(config.address)) {
    return fail(ErrorKind::kInvalid, "--address must be a numeric address");
  }
  return {};
}

// What follows from this machine.
Result<void> complete(Config& config) {
  if (!config.coordinator.starts_with("https://")) {
    return fail(ErrorKind::kInvalid,
                "the coordinator's URL is needed: `coordinator = \"https://host:7443\"` in the configuration, "
                "or --coordinator");
  }
  if (config.node_name.empty()) config.node_name = hostName();
  if (config.run_dir.empty()) {
    // systemd names the unit's own, which goes with a reboot, as the proxy does.
    const char* runtime_dir = std::getenv("RUNTIME_DIRECTORY");
    config.run_dir = runtime_dir && *runtime_dir ? runtime_dir : config.data_dir;
  }
  if (config.address.empty()) config.address = firstAddress();
  return {};
}

}  // namespace

std::string usage() {
  return "Usage: towpath-agent [--config FILE] [--join TOKEN] [--coordinator URL] [--node-name NAME] [--address IP]\n"
         "                     [--data-dir DIR] [--log-level LEVEL]\n"
         "       towpath-agent --version | --help\n"
         "\n"
         "Runs the node agent. Without --config, /etc/towpath/agent.toml is read if it exists. A token is needed once, "
         "to join.\n"
         "\n"
         "Examples:\n"
         "  towpath-agent --coordinator https://10.0.0.1:7443 --join twp1.…\n"
         "  towpath-agent --config /etc/towpath/agent.toml\n";
}

Result<CommandLine> parseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine command_line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "-h" || flag == "--version") {
      command_line.action = flag == "--version" ? CommandLine::Action::kVersion : CommandLine::Action::kHelp;
      return command_line;
    }
    std::string value;
    if (std::size_t equals = flag.find('='); equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    if (!kFlags.contains(flag)) return fail(ErrorKind::kInvalid, fmt::format("unknown flag {}; see --help", flag));
    if (value.empty()) return fail(ErrorKind::kInvalid, fmt::format("{} lacks its value; see --help", flag));
    if (flag == "--config")
      command_line.config_file = value;
    else
      command_line.values[flag] = value;
  }
  return command_line;
}

Result<Config> readConfig(const CommandLine& command_line) {
  Config config;
  constexpr const char* kDefaultFile = "/etc/towpath/agent.toml";
  bool named = !command_line.config_file.empty();
  Result<config::File> file = config::File::load(named ? command_line.config_file : kDefaultFile);
  if (file) {
    readRoot(file->root(), config);
    if (Result<void> read = file->finish(); !read) return std::unexpected(read.error());
  } else if (named || file.error().kind != ErrorKind::kNotFound) {
    return std::unexpected(file.error());
  }
  if (Result<void> applied = applyCommandLine(command_line, config); !applied) return std::unexpected(applied.error());
  if (Result<void> completed = complete(config); !completed) return std::unexpected(completed.error());
  return config;
}

}  // namespace towpath::nodeagent
