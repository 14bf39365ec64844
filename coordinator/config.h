#pragma once
// The coordinator's configuration: coordinator.toml (docs/configuration.md) and the command line, which wins.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

namespace towpath::coordinator {

struct ListenAddress {
  std::string host;  // numeric
  std::uint16_t port = 0;
};

// A program that carries out plugin steps of Rollouts, or measures for analyses.
struct PluginConfig {
  std::string name;  // as steps and metrics name it: "owner/name"
  std::vector<std::string> command;
  Duration timeout = 30s;
  bool disabled = false;
};

// Controllers on a Kubernetes API server, in place of a store, agents and an API of our own.
struct KubernetesConfig {
  bool enabled = false;
  std::string kubeconfig;    // empty: $KUBECONFIG, the pod's service account, ~/.kube/config
  std::string context;       // empty: the current one
  std::string ns;            // the only namespace that is looked at; empty: all
  std::string instance_id;   // only objects labelled with it are ours; empty: only those without that label
  std::string lease_ns;      // where the leader's Lease is; empty: the pod's or the context's namespace
  bool elect_leader = true;  // false: for a person who knows that there is no other
  std::int64_t requests_per_second = 50;
  std::int64_t burst = 100;
};

struct Config {
  std::string data_dir = "/var/lib/towpath-coordinator";
  std::vector<ListenAddress> listen = {{"0.0.0.0", 7443}};  // with --kubernetes port 8090, for counters and health
  bool listen_named = false;                                // in the file
  std::vector<std::string>
      names;                  // DNS names and addresses that the server certificate carries besides the obvious ones
  std::string advertise_url;  // how clients reach us; empty: made of the first listen address
  log::Level log_level = log::Level::kInfo;
  std::int64_t connections_max = 20000;
  std::int64_t history_changes = 20000;
  Duration history_age = 15min;
  Duration samples_age = std::chrono::hours(24);
  std::int64_t samples_bytes_max = std::int64_t{256} << 20;
  Duration heartbeat = 10s;
  Duration lease = 40s;
  Duration node_certificate_lifetime = std::chrono::hours(24 * 90);
  std::vector<PluginConfig> step_plugins;
  std::vector<PluginConfig> metric_plugins;
  KubernetesConfig kubernetes;
};

struct CommandLine {
  enum class Action { kRun, kHelp, kVersion };
  Action action = Action::kRun;
  std::string config_file;  // empty: none
  std::optional<std::string> data_dir;
  std::vector<std::string> listen;
  std::optional<std::string> log_level;
  bool kubernetes = false;
  std::optional<std::string> kubeconfig, context, ns, instance_id;
};

// kInvalid for an unknown flag or one without its value.
Result<CommandLine> parseCommandLine(const std::vector<std::string>& arguments);
std::string usage();

// The file (if one is named) under the command line. kInvalid names file, line and key, or the flag.
Result<Config> readConfig(const CommandLine& command_line);

// "0.0.0.0:7443", "[::]:7443"
Result<ListenAddress> parseListenAddress(const std::string& text);
std::string toString(const ListenAddress& address);

}  // namespace towpath::coordinator
