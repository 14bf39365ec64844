#pragma once
// What lint says of YAML texts, in short lines that tests compare.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "lint/lint.h"

namespace towpath::lint::examples {

// "3: error: spec.replicas: …", without the object.
inline std::vector<std::string> found(std::string_view yaml, Missing missing = Missing::kWarning) {
  std::vector<std::string> lines;
  for (const Finding& finding : lint(readDocuments(yaml, "a.yaml").value(), missing)) {
    lines.push_back(
        fmt::format("{}: {}: {}: {}", finding.line, toString(finding.severity), finding.path, finding.message));
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

// An AnalysisTemplate with this metric ("successCondition: …, provider: {…}") and more of spec.
inline std::string analysisTemplate(std::string_view metric, std::string_view more = "") {
  return fmt::format(R"(apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: errors}}
spec:
  metrics:
    - {{name: error-ratio, {}}}
  {}
)",
                     metric, more);
}

// A Rollout with this strategy and more of spec.
inline std::string rollout(std::string_view strategy, std::string_view more = "") {
  return fmt::format(R"(apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: shop}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec: {{containers: [{{name: shop, image: "shop:1"}}]}}
  strategy: {}
  {}
)",
                     strategy, more);
}

inline std::string service(std::string_view name, std::string_view selector = "app: shop") {
  return fmt::format(
      "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{selector: {{{}}}, ports: [{{port: 80}}]}}\n",
      name, selector);
}

}  // namespace towpath::lint::examples
