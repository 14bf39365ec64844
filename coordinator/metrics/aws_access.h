#pragma once
// Credentials and region of AWS as its SDKs find them: the environment, a web identity (IAM roles for service
// accounts), the shared files, the container's or the instance's endpoint, in that order; a role to assume on top.

#include <string>

#include "base/error.h"
#include "loop/task.h"
#include "metrics/registry.h"
#include "metrics/signature.h"

namespace towpath::metrics {

struct AwsWish {
  std::string region;    // empty: as the environment and the shared files say
  std::string profile;   // of the shared files; empty: as the environment says
  std::string role_arn;  // to be assumed; empty: none
};

struct AwsAccess {
  AwsKeys keys;
  std::string region;
};

// kUnauthorized: nowhere any credentials; kInvalid: no region.
loop::Task<Result<AwsAccess>> findAwsAccess(const ProviderContext& context, AwsWish wish);

// "https://monitoring.eu-west-1.amazonaws.com", or as AWS_ENDPOINT_URL_<NAME> or AWS_ENDPOINT_URL say.
std::string awsEndpoint(const ProviderContext& context, const std::string& service, const std::string& name,
                        const std::string& region);

}  // namespace towpath::metrics
