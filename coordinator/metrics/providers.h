#pragma once
// The makers that registry.cc lists. nullptr: this coordinator lacks what the provider needs.

#include <memory>

#include "metrics/registry.h"

namespace towpath::metrics {

std::unique_ptr<Provider> makeWeb(const ProviderContext& context);             // web.cc
std::unique_ptr<Provider> makeTowpathJudge(const ProviderContext& context);    // towpath_judge.cc
std::unique_ptr<Provider> makeTowpathTraffic(const ProviderContext& context);  // towpath_traffic.cc

}  // namespace towpath::metrics
