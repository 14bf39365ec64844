// A place where a Rollout or an Experiment takes templates: what they need of it, and whether their metrics hold with
// its arguments.

#include <fmt/format.h>

#include <algorithm>

#include "json/field.h"
#include "lint/checks.h"
#include "lint/closure.h"
#include "lint/metric.h"

namespace towpath::lint {
namespace {

bool gives(const Value& args, std::string_view name) {
  return std::ranges::any_of(args.asArray(), [name](const Value& arg) { return arg["name"].asStringView() == name; });
}

void checkGiven(const Use& use, const Closure& closure, Findings& findings) {
  const Array& args = use.block["args"].asArray();
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view name = args[i]["name"].asStringView();
    if (declares(closure, name)) continue;
    findings.warning(use.document, json::joinPath(use.path + ".args", i),
                     fmt::format("no template declares the argument \"{}\": it has no effect", name));
  }
}

void checkWanted(const Use& use, const Closure& closure, Findings& findings) {
  if (use.checked_by_rules) return;
  for (const Document* one : closure.templates) {
    for (const Value& arg : one->object["spec"]["args"].asArray()) {
      const std::string_view name = arg["name"].asStringView();
      const bool resolved = !arg["value"].isNull() || !arg["valueFrom"].isNull() || gives(use.block["args"], name);
      if (resolved) continue;
      findings.error(use.document, use.path + ".args",
                     fmt::format("args.{} was not resolved: {} \"{}\" needs it", name, one->kind(), one->name()));
    }
  }
}

// What is wrong with a metric for these arguments only; the rest is told of the template itself.
void checkMetrics(const Use& use, const Closure& closure, Findings& findings) {
  const api::ArgumentValues declared = declaredValues(closure);
  api::ArgumentValues known = declared;
  for (const Value& arg : use.block["args"].asArray()) {
    const std::string name = arg["name"].asString();
    known.erase(name);
    if (arg["value"].isString()) known[name] = arg["value"].asString();
  }
  for (const Document* one : closure.templates) {
    for (const Value& metric : one->object["spec"]["metrics"].asArray()) {
      const std::vector<Problem> of_template = metricProblems(metric, declared);
      for (const Problem& problem : metricProblems(metric, known)) {
        const bool told = std::ranges::find(of_template, problem) != of_template.end();
        if (problem.severity == Severity::kWarning || told) continue;
        findings.error(
            use.document, use.path + ".args",
            fmt::format("{} \"{}\", metric \"{}\"{}{}: {}", one->kind(), one->name(), metric["name"].asStringView(),
                        problem.path.empty() ? "" : ", ", problem.path, problem.message));
      }
    }
  }
}

}  // namespace

void checkUse(const Use& use, Bench bench) {
  const Closure closure =
      closureOf(use.block["templates"], use.path + ".templates", use.document.ns(), bench.documents);
  for (const Closure::Open& open : closure.open) bench.findings.missing(use.document, open.path, open.what);
  if (closure.templates.empty() || !closure.complete()) return;
  checkGiven(use, closure, bench.findings);
  checkWanted(use, closure, bench.findings);
  checkMetrics(use, closure, bench.findings);
}

}  // namespace towpath::lint
