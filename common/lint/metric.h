#pragma once
// One metric of an analysis: its conditions against the type that the provider measures (metric-providers 0.2), and the
// texts in it that are parsed only when the run measures.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/analysis_arguments.h"
#include "base/value.h"
#include "lint/finding.h"

namespace towpath::lint {

struct Problem {
  Severity severity = Severity::kError;
  std::string path;  // below the metric: "successCondition"
  std::string message;

  bool operator==(const Problem&) const = default;
};

// `known`: the arguments that have a literal value. A text with another argument in it is wrong only if it is wrong
// whatever that argument is.
std::vector<Problem> metricProblems(const Value& metric, const api::ArgumentValues& known);

// Each {{…}} in the tree as it stands between the braces, trimmed, with the path of the text that it is in.
struct Tag {
  std::string path;
  std::string text;  // "args.x"
};
std::vector<Tag> tagsOf(const Value& tree, const std::string& path);

}  // namespace towpath::lint
