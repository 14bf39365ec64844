#pragma once
// What this machine is, for the coordinator.

#include <string>

#include "wire/messages.h"

namespace towpath::nodeagent {

struct Config;

std::string hostName();  // in lower case, as nodes are named
// The first address of this machine that is not loopback or link-local, IPv4 before IPv6; "127.0.0.1" if there is none.
std::string firstAddress();

wire::NodeInfo describeNode(const Config& config);

// Disk, memory and our own size; `proxy_ready` and `message` are the caller's.
wire::NodeCondition measureNode(const std::string& data_dir);

}  // namespace towpath::nodeagent
