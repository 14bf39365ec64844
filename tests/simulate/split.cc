#include "simulate/split.h"

#include <utility>

namespace towpath::simulate {

std::int64_t Split::weight(const std::string& service) const {
  const auto found = weights.find(service);
  return found == weights.end() ? 0 : found->second;
}

std::int64_t Split::share(const std::string& service) const { return sum == 0 ? 0 : weight(service) * 100 / sum; }

Split readSplit(const Value& route) {
  Split split;
  for (const Value& rule : route["spec"]["rules"].asArray()) {
    const bool managed = rule["name"].isString();
    for (const Value& filter : rule["filters"].asArray()) {
      const Value& mirror = filter["requestMirror"]["backendRef"]["name"];
      if (managed && mirror.isString()) split.mirrored.insert(mirror.asString());
    }
    const bool mirrors = managed && !rule["filters"].asArray().empty();
    for (const Value& backend : rule["backendRefs"].asArray()) {
      const std::string name = backend["name"].asString();
      if (!managed) {
        split.weights[name] = backend["weight"].asInt(1);
        split.sum += backend["weight"].asInt(1);
      } else if (!mirrors) {
        split.by_header.insert(name);
      }
    }
  }
  return split;
}

double reportedShare(const Value& route, const std::string& service) {
  double shares = 0;
  int rules = 0;
  for (const Value& rule : route["spec"]["rules"].asArray()) {
    std::int64_t all = 0, own = 0;
    for (const Value& backend : rule["backendRefs"].asArray()) {
      all += backend["weight"].asInt(1);
      if (backend["name"].asStringView() == service) own += backend["weight"].asInt(1);
    }
    if (own == 0) continue;
    shares += static_cast<double>(own) / static_cast<double>(all);
    ++rules;
  }
  return rules == 0 ? 0 : shares / rules;
}

}  // namespace towpath::simulate
