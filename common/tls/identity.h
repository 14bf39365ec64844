#pragma once
// What a certificate says about its holder, as plain data.

#include <string>
#include <vector>

#include "base/time.h"

namespace towpath::tls {

struct Identity {
  std::string common_name;
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;          // "towpath://node/<uid>"
  std::vector<std::string> ip_addresses;  // as text
  std::string serial;                     // lower-case hex
  std::string fingerprint;                // SHA-256 of the DER, lower-case hex
  WallTime not_before;
  WallTime not_after;

  bool operator==(const Identity&) const = default;
};

}  // namespace towpath::tls
