#pragma once
// The agent's configuration: agent.toml (docs/configuration.md) and the command line, which wins.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "supervise/supervisor.h"

namespace towpath::nodeagent {

struct Config {
  std::string node_name;    // empty in the file: this host's name
  std::string coordinator;  // https://host:port
  std::string join_token;   // used once
  std::string data_dir = "/var/lib/towpath-agent";
  std::string run_dir;  // sockets of the proxy; empty: systemd's RUNTIME_DIRECTORY, or the data directory
  std::string address;  // where other nodes reach this one; empty: its first address that is not loopback
  std::int32_t port_first = 20000;
  std::int32_t port_last = 29999;
  std::map<std::string, std::string> labels;
  std::map<std::string, supervise::ImageMapping> images;
  log::Level log_level = log::Level::kInfo;

  std::string haproxy = "haproxy";
  std::string listen_address = "0.0.0.0";   // of Gateway listeners and node ports
  std::string service_base = "127.64.0.0";  // where the Services' pool of addresses begins on this machine
  Duration drain_bound = 30s;               // an instance is stopped after this even if requests still run on it
  Duration drain_settle = 2s;               // and not before: other nodes' proxies hear of it meanwhile
  Duration sample_interval = 2s;            // of traffic counters

  std::string default_user;
  std::string cgroup_root;
  std::int64_t log_file_bytes = 10 << 20;
  std::int64_t log_files = 3;
};

struct CommandLine {
  enum class Action { kRun, kHelp, kVersion };
  Action action = Action::kRun;
  std::string config_file;                    // empty: none
  std::map<std::string, std::string> values;  // by flag without its dashes
};

// kInvalid for an unknown flag or one without its value.
Result<CommandLine> parseCommandLine(const std::vector<std::string>& arguments);
std::string usage();

// The file (if one is named) under the command line. kInvalid names file, line and key, or the flag.
Result<Config> readConfig(const CommandLine& command_line);

}  // namespace towpath::nodeagent
