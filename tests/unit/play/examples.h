#pragma once
// Manifests of the plays in these tests.

#include <fmt/format.h>

#include "json/yaml.h"
#include "play/manifests.h"

namespace towpath::play::examples {

inline Value read(std::string_view yaml) { return json::parseYamlDocument(yaml).value(); }

// A Rollout of 4 pods with this strategy, and more of spec ("progressDeadlineSeconds: 60").
inline Value rollout(std::string_view strategy, std::string_view more = "") {
  return read(fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: shop}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec: {{containers: [{{name: shop, image: "shop:1"}}]}}
  strategy: {}
  {}
)",
                          strategy, more));
}

inline Value errorTemplate() {
  return read(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors}
spec:
  args: [{name: hash}]
  metrics:
    - name: error-ratio
      interval: 10s
      failureLimit: 1
      successCondition: result < 0.05
      provider: {web: {url: "http://metrics/{{args.hash}}"}}
)");
}

}  // namespace towpath::play::examples
