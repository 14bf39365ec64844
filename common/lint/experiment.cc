#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/time.h"
#include "json/field.h"
#include "lint/checks.h"

namespace towpath::lint {
namespace {

// Entries of a list that bear the same name.
void checkNames(const Document& document, const Value& list, const std::string& path, Findings& findings) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < list.asArray().size(); ++i) {
    const std::string_view name = list[i]["name"].asStringView();
    if (names.insert(name).second) continue;
    findings.error(document, json::joinPath(path, i) + ".name", fmt::format("\"{}\" is given twice", name));
  }
}

void checkDuration(const Document& document, const Value& duration, const std::string& path, Findings& findings) {
  if (!duration.isString()) return;
  const Result<Duration> parsed = parseGoDuration(duration.asStringView());
  if (parsed && *parsed > Duration::zero()) return;
  findings.error(document, path, fmt::format("\"{}\" is no duration such as 90s or 10m", duration.asStringView()));
}

}  // namespace

void checkExperimentParts(const Document& document, const Value& experiment, const std::string& path, Bench bench) {
  if (!experiment.isObject()) return;
  checkNames(document, experiment["templates"], path + ".templates", bench.findings);
  checkNames(document, experiment["analyses"], path + ".analyses", bench.findings);
  checkDuration(document, experiment["duration"], path + ".duration", bench.findings);
  const Array& analyses = experiment["analyses"].asArray();
  for (std::size_t i = 0; i < analyses.size(); ++i) {
    Value block;
    block["templates"] = Value(Array{
        Value(Object{{"templateName", analyses[i]["templateName"]}, {"clusterScope", analyses[i]["clusterScope"]}})});
    block["args"] = analyses[i]["args"];
    checkUse({document, std::move(block), json::joinPath(path + ".analyses", i)}, bench);
  }
}

void checkExperiment(const Document& document, Bench bench) {
  checkExperimentParts(document, document.object["spec"], "spec", bench);
  const Array& templates = document.object["spec"]["templates"].asArray();
  for (std::size_t i = 0; i < templates.size(); ++i) {
    const Value& labels = templates[i]["template"]["metadata"]["labels"];
    const std::string path = json::joinPath("spec.templates", i);
    for (const auto& [key, value] : templates[i]["selector"]["matchLabels"].asObject()) {
      if (labels[key] == value) continue;
      bench.findings.error(document, path + ".template.metadata.labels",
                           fmt::format("`selector` does not match template `labels`: \"{}\"", key));
    }
    if (templates[i]["template"]["spec"]["containers"].asArray().empty()) {
      bench.findings.error(document, path + ".template.spec.containers", "Required value");
    }
  }
}

}  // namespace towpath::lint
