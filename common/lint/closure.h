#pragma once
// The templates that a template, a Rollout or an Experiment takes together: those it names and all that they nest.

#include <string>
#include <vector>

#include "api/analysis_arguments.h"
#include "base/value.h"
#include "lint/checks.h"

namespace towpath::lint {

struct Closure {
  std::vector<const Document*> templates;  // each once
  // References that none of the files answers, below the document that was asked about ("spec.templates[0]").
  struct Open {
    std::string path;
    std::string what;  // "AnalysisTemplate \"errors\""
  };
  std::vector<Open> open;
  bool circular = false;  // a template reaches itself

  bool complete() const { return open.empty(); }
};

// `refs`: a list of {templateName, clusterScope}, at `path` of a document in namespace `ns`.
Closure closureOf(const Value& refs, const std::string& path, std::string_view ns, const Documents& documents);
// Of a template itself: the first of `templates`.
Closure closureOf(const Document& document, const Documents& documents);

// Is the argument declared (spec.args) by one of them? Is it used in a metric of one of them?
bool declares(const Closure& closure, std::string_view argument);
bool uses(const Closure& closure, std::string_view argument);
// The values that are written in the templates.
api::ArgumentValues declaredValues(const Closure& closure);

}  // namespace towpath::lint
