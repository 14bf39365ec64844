#pragma once
// All providers, by the key under `provider` of a metric; plugins by "plugin/<name>".

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cluster/cache.h"
#include "cluster/object_api.h"
#include "http/client.h"
#include "loop/loop.h"
#include "metrics/provider.h"
#include "metrics/traffic_source.h"

namespace towpath::metrics {

// One HTTP exchange; http::Client::fetch in the daemon, a script in tests.
using Fetch = std::function<loop::Task<Result<http::Response>>(http::ClientRequest)>;
// A variable of the environment; nullopt: not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
class MetricPrograms;

// What providers work with; all of it outlives them, and so does this.
struct ProviderContext {
  loop::Loop* loop = nullptr;
  Fetch fetch;                           // empty: no provider that needs HTTP
  TrafficSource* traffic = nullptr;      // nullptr: no towpath/traffic (on Kubernetes)
  cluster::ObjectApi* api = nullptr;     // for Secrets and Jobs; nullptr: no provider that needs them
  bool runs_jobs = true;                 // somebody runs the Jobs of `api`; false: no provider that needs them
  const cluster::Cache* jobs = nullptr;  // of job metrics; nullptr: they are read through the API
  Environment environment;               // empty: nothing is set
  MetricPrograms* programs = nullptr;    // plugins that a person configured; nullptr: none
};

// The provider of a metric by the value of its `provider`. kInvalid: none or several are given; kUnsupported: not here.
Result<std::unique_ptr<Provider>> makeProvider(const Value& provider, const ProviderContext& context);

}  // namespace towpath::metrics
