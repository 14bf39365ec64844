#pragma once
// The makers that registry.cc lists. nullptr: this coordinator lacks what the provider needs.

#include <memory>

#include "metrics/registry.h"

namespace towpath::metrics {

std::unique_ptr<Provider> makeCloudWatch(const ProviderContext& context);      // cloud_watch.cc
std::unique_ptr<Provider> makeDatadog(const ProviderContext& context);         // datadog.cc
std::unique_ptr<Provider> makeGraphite(const ProviderContext& context);        // graphite.cc
std::unique_ptr<Provider> makeInfluxdb(const ProviderContext& context);        // influxdb.cc
std::unique_ptr<Provider> makeJob(const ProviderContext& context);             // job.cc
std::unique_ptr<Provider> makeKayenta(const ProviderContext& context);         // kayenta.cc
std::unique_ptr<Provider> makeNewRelic(const ProviderContext& context);        // new_relic.cc
std::unique_ptr<Provider> makePlugin(const ProviderContext& context);          // plugin.cc
std::unique_ptr<Provider> makePrometheus(const ProviderContext& context);      // prometheus.cc
std::unique_ptr<Provider> makeSkyWalking(const ProviderContext& context);      // skywalking.cc
std::unique_ptr<Provider> makeTowpathJudge(const ProviderContext& context);    // towpath_judge.cc
std::unique_ptr<Provider> makeTowpathTraffic(const ProviderContext& context);  // towpath_traffic.cc
std::unique_ptr<Provider> makeWavefront(const ProviderContext& context);       // wavefront.cc
std::unique_ptr<Provider> makeWeb(const ProviderContext& context);             // web.cc

}  // namespace towpath::metrics
