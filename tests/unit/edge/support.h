#pragma once
// Builders for the tests of this folder: objects as YAML-like JSON, facts read from them.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>
#include <string>
#include <vector>

#include "edge/facts.h"
#include "json/parse.h"

namespace towpath::edge {

inline Value parsed(const std::string& text) {
  auto value = json::parse(text);
  REQUIRE_MESSAGE(value.has_value(), text);
  return *value;
}

inline PodFacts pod(const std::string& text) { return readPod(cluster::makeObjectRef(parsed(text))); }
inline NodeFacts node(const std::string& text) { return readNode(cluster::makeObjectRef(parsed(text))); }

// A node that is ready, with 4 cores and 8Gi, and these labels ("a=b,c=d").
inline Value nodeObject(const std::string& name, const std::string& labels = "", const std::string& ready = "True") {
  Value object = parsed(fmt::format(
      R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{0}","labels":{{"kubernetes.io/hostname":"{0}"}}}},"spec":{{}},
      "status":{{"conditions":[{{"type":"Ready","status":"{1}","reason":"AgentReady"}}],
      "allocatable":{{"cpu":"4","memory":"8Gi","pods":"110"}}}}}})",
      name, ready));
  for (std::size_t begin = 0; begin < labels.size();) {
    const std::size_t end = std::min(labels.find(',', begin), labels.size());
    const std::string one = labels.substr(begin, end - begin);
    object["metadata"]["labels"][one.substr(0, one.find('='))] = one.substr(one.find('=') + 1);
    begin = end + 1;
  }
  return object;
}

inline NodeFacts nodeFacts(const Value& object) { return readNode(cluster::makeObjectRef(object)); }
inline PodFacts podFacts(const Value& object) { return readPod(cluster::makeObjectRef(object)); }

}  // namespace towpath::edge
