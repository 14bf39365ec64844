// AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/analysis_view.h"
#include "api/validate.h"
#include "engine/analysis/validate.h"
#include "json/field.h"
#include "lint/checks.h"
#include "lint/closure.h"
#include "lint/metric.h"

namespace towpath::lint {
namespace {

constexpr const char* kMetrics = "spec.metrics";

// An argument without a value stays as it is written, and what is said of such a text is of no interest.
void checkSettings(const Document& document, std::size_t index, api::ArgumentValues known, Bench bench) {
  const Value& provider = document.object["spec"]["metrics"][index]["provider"];
  const Object& plugins = provider["plugin"].asObject();
  if (!bench.check_provider || plugins.empty()) return;
  for (const Tag& tag : tagsOf(provider, "")) {
    if (tag.text.starts_with("args.")) known.emplace(tag.text.substr(5), "{{" + tag.text + "}}");
  }
  const Result<Value> substituted = api::substituteArguments(provider, known);
  if (!substituted) return;
  const Result<void> checked = bench.check_provider(*substituted);
  if (checked) return;
  const std::string& name = plugins.begin()->key;
  const Value& culprit = json::fieldAt((*substituted)["plugin"][name], checked.error().field);
  const bool open = culprit.asStringView().find("{{") != std::string_view::npos;
  if (open && !checked.error().message.starts_with("is not known")) return;
  const std::string plugin = json::joinPath(json::joinPath(kMetrics, index) + ".provider.plugin", name);
  bench.findings.error(document, plugin + "." + checked.error().field, checked.error().message);
}

void checkMetrics(const Document& document, const api::ArgumentValues& known, Bench bench) {
  Findings& findings = bench.findings;
  const Array& metrics = document.object["spec"]["metrics"].asArray();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    for (const Problem& problem : metricProblems(metrics[i], known)) {
      const std::string at = json::joinPath(kMetrics, i);
      const std::string path = problem.path.empty() ? at : at + "." + problem.path;
      problem.severity == Severity::kError ? findings.error(document, path, problem.message)
                                           : findings.warning(document, path, problem.message);
    }
    checkSettings(document, i, known, bench);
  }
}

void checkArguments(const Document& document, Findings& findings) {
  const Array& args = document.object["spec"]["args"].asArray();
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string path = json::joinPath("spec.args", i);
    if (!names.insert(args[i]["name"].asStringView()).second) {
      findings.error(document, path,
                     fmt::format("the argument \"{}\" is declared twice", args[i]["name"].asStringView()));
    }
    if (!args[i]["value"].isNull() && !args[i]["valueFrom"].isNull()) {
      findings.error(document, path,
                     fmt::format("arg '{}' has both Value and ValueFrom fields", args[i]["name"].asStringView()));
    }
  }
}

// The templates that take this one in: what they declare is there as well when it runs.
std::vector<Closure> takersOf(const Document& document, Bench bench) {
  std::vector<Closure> takers;
  for (const Document& other : bench.documents.all()) {
    if (other.kind() != "AnalysisTemplate" && other.kind() != "ClusterAnalysisTemplate") continue;
    if (&other == &document) continue;
    Closure closure = closureOf(other, bench.documents);
    if (std::ranges::find(closure.templates, &document) != closure.templates.end())
      takers.push_back(std::move(closure));
  }
  return takers;
}

// Each {{…}} names a declared argument, and each declared one is used.
void checkTags(const Document& document, const Closure& closure, Bench bench) {
  const std::vector<Closure> takers = takersOf(document, bench);
  const auto inAny = [&](bool (*has)(const Closure&, std::string_view), std::string_view name) {
    return has(closure, name) || std::ranges::any_of(takers, [&](const Closure& taker) { return has(taker, name); });
  };
  for (const Tag& tag : tagsOf(document.object["spec"]["metrics"], kMetrics)) {
    if (!tag.text.starts_with("args.")) {
      bench.findings.error(document, tag.path,
                           fmt::format("failed to resolve {{{{{}}}}}: only {{{{args.NAME}}}} is replaced", tag.text));
    } else if (closure.complete() && !inAny(declares, tag.text.substr(5))) {
      bench.findings.error(
          document, tag.path,
          fmt::format("failed to resolve {{{{{}}}}}: declare \"{}\" in spec.args", tag.text, tag.text.substr(5)));
    }
  }
  if (!closure.complete()) return;
  const Array& args = document.object["spec"]["args"].asArray();
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view name = args[i]["name"].asStringView();
    if (inAny(uses, name)) continue;
    bench.findings.warning(document, json::joinPath("spec.args", i),
                           fmt::format("no metric uses {{{{args.{}}}}}", name));
  }
}

// dryRun and measurementRetention against the metrics that run together.
void checkRules(const Document& document, const Closure& closure, Findings& findings) {
  model::AnalysisRunSpec spec = api::decodeAnalysisRunSpec(document.object);
  for (const Document* one : closure.templates) {
    if (one == &document) continue;
    for (model::Metric& metric : api::decodeAnalysisRunSpec(one->object).metrics)
      spec.metrics.push_back(std::move(metric));
  }
  if (const auto rules = analysis::matchRules(spec); !rules) {
    const std::string& message = rules.error().message;  // "dryRun[0]: …"
    const std::size_t end = message.find(": ");
    findings.error(document, "spec." + message.substr(0, end), message.substr(end + 2));
  }
}

// A metric that would judge nothing: it is Successful whatever is measured.
void checkJudged(const Document& document, Findings& findings) {
  const Array& metrics = document.object["spec"]["metrics"].asArray();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Value& metric = metrics[i];
    const bool conditions =
        !metric["successCondition"].asStringView().empty() || !metric["failureCondition"].asStringView().empty();
    const Value& provider = metric["provider"];
    const bool own_verdict =
        provider["job"].isObject() || provider["kayenta"].isObject() || provider["plugin"].isObject();
    if (conditions || own_verdict) continue;
    findings.warning(document, json::joinPath(kMetrics, i),
                     "has neither successCondition nor failureCondition: whatever it measures is a success");
  }
}

}  // namespace

void checkTemplate(const Document& document, Bench bench) {
  for (const api::FieldError& error : api::validateAnalysis(document.object)) bench.findings.error(document, error);
  const Closure closure = closureOf(document, bench.documents);
  for (const Closure::Open& open : closure.open) bench.findings.missing(document, open.path, open.what);
  if (closure.circular) bench.findings.error(document, "spec.templates", "the templates go in a circle");
  const bool has_metrics = std::ranges::any_of(
      closure.templates, [](const Document* one) { return !one->object["spec"]["metrics"].asArray().empty(); });
  if (closure.complete() && !has_metrics) bench.findings.error(document, kMetrics, "no metrics specified");
  checkArguments(document, bench.findings);
  checkTags(document, closure, bench);
  checkMetrics(document, declaredValues(closure), bench);
  checkJudged(document, bench.findings);
  if (closure.complete() && takersOf(document, bench).empty()) checkRules(document, closure, bench.findings);
}

void checkRun(const Document& document, Bench bench) {
  Findings& findings = bench.findings;
  for (const api::FieldError& error : api::validateAnalysis(document.object)) findings.error(document, error);
  if (document.object["spec"]["metrics"].asArray().empty()) findings.error(document, kMetrics, "no metrics specified");
  const Closure alone{.templates = {&document}, .open = {}};
  checkArguments(document, findings);
  checkTags(document, alone, bench);
  const Array& args = document.object["spec"]["args"].asArray();
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!args[i]["value"].isNull() || !args[i]["valueFrom"].isNull()) continue;
    findings.error(document, json::joinPath("spec.args", i),
                   fmt::format("argument \"{}\" was not supplied: give it a value", args[i]["name"].asStringView()));
  }
  checkMetrics(document, declaredValues(alone), bench);
  checkJudged(document, findings);
  checkRules(document, alone, findings);
}

}  // namespace towpath::lint
