#pragma once
// AWS Signature Version 4 of a request whose body is known (docs.aws.amazon.com, "Create a signed AWS API request").

#include <string>

#include "base/time.h"
#include "http/transport.h"

namespace towpath::metrics {

struct AwsKeys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

struct SigningScope {
  std::string region;
  std::string service;  // "monitoring", "aps", "sts"
};

// Adds X-Amz-Date, X-Amz-Security-Token and Authorization. Signs the host, these and all headers that are there. `now`
// is the wall clock's: AWS refuses what is five minutes off.
void signRequest(http::ClientRequest& request, const AwsKeys& keys, const SigningScope& scope, WallTime now);

}  // namespace towpath::metrics
