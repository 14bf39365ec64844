#pragma once
// All providers, by the key under `provider` of a metric; plugins by "plugin/<name>".

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/client.h"
#include "loop/loop.h"
#include "metrics/provider.h"
#include "metrics/traffic_source.h"

namespace towpath::metrics {

// One HTTP exchange; http::Client::fetch in the daemon, a script in tests.
using Fetch = std::function<loop::Task<Result<http::Response>>(http::ClientRequest)>;

// What providers work with; all of it outlives them.
struct ProviderContext {
  loop::Loop* loop = nullptr;
  Fetch fetch;                             // empty: no provider that needs HTTP
  const TrafficSource* traffic = nullptr;  // nullptr: no towpath/traffic (on Kubernetes)
};

// The provider of a metric by the value of its `provider`. kInvalid: none or several are given; kUnsupported: not here.
Result<std::unique_ptr<Provider>> makeProvider(const Value& provider, const ProviderContext& context);

}  // namespace towpath::metrics
