#include "config.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "config/config.h"

namespace towpath::coordinator {

namespace {

bool isNumericAddress(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

void readListen(config::Table& root, Config& config) {
  if (!root.has("listen")) return;
  std::vector<ListenAddress> addresses;
  for (const std::string& text : root.texts("listen", {})) {
    Result<ListenAddress> address = parseListenAddress(text);
    if (!address) return root.refuse("listen", address.error().message);
    addresses.push_back(*address);
  }
  if (addresses.empty()) return;  // the default stays; a list of another type has been noted
  config.listen = std::move(addresses);
  config.listen_named = true;
}

void readKubernetes(config::Table& table, KubernetesConfig& config) {
  config.enabled = table.boolean("enabled", false);
  config.kubeconfig = table.text("kubeconfig", "");
  config.context = table.text("context", "");
  config.ns = table.text("namespace", "");
  config.instance_id = table.text("instance_id", "");
  config.lease_ns = table.text("lease_namespace", "");
  config.elect_leader = table.boolean("elect_leader", true);
  config.requests_per_second =
      table.integer("requests_per_second", config.requests_per_second, {.min = 0, .max = 100'000});
  config.burst = table.integer("burst", config.burst, {.min = 1, .max = 100'000});
}

std::vector<PluginConfig> readPlugins(config::Table& plugins, const char* kind) {
  constexpr Duration kLongest = 5min;  // of one call; what takes longer answers Running and is asked again
  std::vector<PluginConfig> read;
  for (const auto& [name, table] : plugins.tables(kind)) {
    PluginConfig plugin{.name = name};
    plugin.command = table->texts("command", {});
    plugin.timeout = table->duration("timeout", plugin.timeout);
    plugin.disabled = table->boolean("disabled", false);
    if (!plugin.disabled && (plugin.command.empty() || plugin.command.front().empty()))
      table->refuse("command", "must be the program and its arguments, such as [\"/usr/lib/acme/check\"]");
    if (plugin.timeout < 1s || plugin.timeout > kLongest) table->refuse("timeout", "must be between 1s and 5m");
    read.push_back(std::move(plugin));
  }
  return read;
}

void readTables(config::Table& root, Config& config) {
  config.data_dir = root.text("data_dir", config.data_dir);
  config.names = root.texts("names", {});
  config.advertise_url = root.text("advertise_url", "");
  if (!config.advertise_url.empty() && !config.advertise_url.starts_with("https://")) {
    root.refuse("advertise_url", "must begin with https://");
  }
  std::string level = root.text("log_level", "info");
  if (!log::parseLevel(level, config.log_level)) root.refuse("log_level", "must be debug, info, warn or error");
  readListen(root, config);
  config::Table& limits = root.table("limits");
  config.connections_max = limits.integer("connections", config.connections_max, {.min = 10, .max = 1'000'000});
  config::Table& history = root.table("history");
  config.history_changes = history.integer("changes", config.history_changes, {.min = 100, .max = 10'000'000});
  config.history_age = history.duration("age", config.history_age);
  config::Table& samples = root.table("samples");
  config.samples_age = samples.duration("age", config.samples_age);
  config.samples_bytes_max = samples.integer("bytes", config.samples_bytes_max, {.min = 1 << 20});
  config::Table& agents = root.table("agents");
  config.heartbeat = agents.duration("heartbeat", config.heartbeat);
  config.lease = agents.duration("lease", config.lease);
  if (config.heartbeat < 1s) agents.refuse("heartbeat", "must be at least 1s");
  if (config.lease < config.heartbeat * 2) agents.refuse("lease", "must be at least two heartbeats");
  config.node_certificate_lifetime = agents.duration("certificate_lifetime", config.node_certificate_lifetime);
  if (root.has("plugins")) {
    config::Table& plugins = root.table("plugins");
    config.step_plugins = readPlugins(plugins, "steps");
    config.metric_plugins = readPlugins(plugins, "metrics");
  }
  readKubernetes(root.table("kubernetes"), config.kubernetes);
}

Result<void> applyKubernetes(const CommandLine& command_line, KubernetesConfig& config) {
  config.enabled = config.enabled || command_line.kubernetes;
  for (const auto& [flag, value, target] :
       {std::tuple("--kubeconfig", &command_line.kubeconfig, &config.kubeconfig),
        std::tuple("--context", &command_line.context, &config.context),
        std::tuple("--namespace", &command_line.ns, &config.ns),
        std::tuple("--instance-id", &command_line.instance_id, &config.instance_id)}) {
    if (!*value) continue;
    if (!config.enabled) return fail(ErrorKind::kInvalid, fmt::format("{} goes with --kubernetes", flag));
    *target = **value;
  }
  return {};
}

Result<void> applyCommandLine(const CommandLine& command_line, Config& config) {
  if (command_line.data_dir) config.data_dir = *command_line.data_dir;
  if (command_line.log_level && !log::parseLevel(*command_line.log_level, config.log_level)) {
    return fail(ErrorKind::kInvalid, "--log-level must be debug, info, warn or error");
  }
  if (auto applied = applyKubernetes(command_line, config.kubernetes); !applied) return applied;
  // Counters and health only, and on the port that the peer has them on.
  if (config.kubernetes.enabled && !config.listen_named) config.listen = {{"0.0.0.0", 8090}};
  if (command_line.listen.empty()) return {};
  config.listen.clear();
  for (const std::string& text : command_line.listen) {
    Result<ListenAddress> address = parseListenAddress(text);
    if (!address) return fail(ErrorKind::kInvalid, "--listen: " + address.error().message);
    config.listen.push_back(*address);
  }
  return {};
}

}  // namespace

std::string usage() {
  return "Usage: towpath-coordinator [--config FILE] [--data-dir DIR] [--listen ADDRESS:PORT]… [--log-level LEVEL]\n"
         "       towpath-coordinator --kubernetes [--kubeconfig FILE] [--context NAME] [--namespace NAME]\n"
         "                           [--instance-id ID] …\n"
         "       towpath-coordinator --version | --help\n"
         "\n"
         "Runs the coordinator; with --kubernetes, the controllers on a Kubernetes cluster: that of the kubeconfig, or "
         "the\n"
         "one whose pod it is. Without --config, /etc/towpath/coordinator.toml is read if it exists.\n"
         "\n"
         "Examples:\n"
         "  towpath-coordinator --config /etc/towpath/coordinator.toml\n"
         "  towpath-coordinator --data-dir ./data --listen 127.0.0.1:7443\n";
}

Result<CommandLine> parseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine command_line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "-h") {
      command_line.action = CommandLine::Action::kHelp;
      return command_line;
    }
    if (flag == "--version") {
      command_line.action = CommandLine::Action::kVersion;
      return command_line;
    }
    if (flag == "--kubernetes") {
      command_line.kubernetes = true;
      continue;
    }
    std::string value;
    if (std::size_t equals = flag.find('='); equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    if (value.empty())
      return fail(ErrorKind::kInvalid, fmt::format("{} is unknown or lacks its value; see --help", flag));
    if (flag == "--config")
      command_line.config_file = value;
    else if (flag == "--data-dir")
      command_line.data_dir = value;
    else if (flag == "--listen")
      command_line.listen.push_back(value);
    else if (flag == "--log-level")
      command_line.log_level = value;
    else if (flag == "--kubeconfig")
      command_line.kubeconfig = value;
    else if (flag == "--context")
      command_line.context = value;
    else if (flag == "--namespace")
      command_line.ns = value;
    else if (flag == "--instance-id")
      command_line.instance_id = value;
    else
      return fail(ErrorKind::kInvalid, fmt::format("unknown flag {}; see --help", flag));
  }
  return command_line;
}

Result<Config> readConfig(const CommandLine& command_line) {
  Config config;
  constexpr const char* kDefaultFile = "/etc/towpath/coordinator.toml";
  bool named = !command_line.config_file.empty();
  Result<config::File> file = config::File::load(named ? command_line.config_file : kDefaultFile);
  if (file) {
    readTables(file->root(), config);
    if (Result<void> read = file->finish(); !read) return std::unexpected(read.error());
  } else if (named || file.error().kind != ErrorKind::kNotFound) {
    return std::unexpected(file.error());
  }
  if (Result<void> applied = applyCommandLine(command_line, config); !applied) return std::unexpected(applied.error());
  return config;
}

Result<ListenAddress> parseListenAddress(const std::string& text) {
  std::size_t colon = text.rfind(':');
  auto refuse = [&] {
    return fail(ErrorKind::kInvalid,
                fmt::format("\"{}\" is no numeric address with a port, such as 0.0.0.0:7443", text));
  };
  if (colon == std::string::npos) return refuse();
  ListenAddress address{.host = text.substr(0, colon)};
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || stopped != end || !isNumericAddress(address.host)) return refuse();
  return address;
}

std::string toString(const ListenAddress& address) {
  if (address.host.contains(':')) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

}  // namespace towpath::coordinator
