#pragma once
// The name of a node: a DNS subdomain in lower case, as Kubernetes wants it (RFC 1123), which also makes it safe in
// certificates.

#include <string_view>

#include "base/error.h"

namespace towpath::agents {

Result<void> checkNodeName(std::string_view name);

}  // namespace towpath::agents
