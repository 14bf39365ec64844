#include "lint/lint.h"

#include <fmt/format.h>

#include <map>

#include "lint/checks.h"

namespace towpath::lint {
namespace {

void checkTwice(const std::vector<Document>& documents, Findings& findings) {
  std::map<std::string, const Document*> seen;
  for (const Document& document : documents) {
    if (document.name().empty()) continue;
    const std::string key = fmt::format("{} {} {} {}", document.object["apiVersion"].asStringView(), document.kind(),
                                        document.ns(), document.name());
    const auto [before, is_new] = seen.emplace(key, &document);
    if (is_new) continue;
    findings.error(document, "metadata.name",
                   fmt::format("is given twice: {}:{} has it as well", before->second->file, before->second->line));
  }
}

void checkKind(const Document& document, Bench bench) {
  const std::string_view kind = document.kind();
  if (kind == "Rollout") checkRollout(document, bench);
  if (kind == "Experiment") checkExperiment(document, bench);
  if (kind == "AnalysisTemplate" || kind == "ClusterAnalysisTemplate") checkTemplate(document, bench);
  if (kind == "AnalysisRun") checkRun(document, bench);
  if (kind == "Service") checkService(document, bench);
  if (kind == "HTTPRoute") checkHttpRoute(document, bench);
}

}  // namespace

std::vector<Finding> lint(const std::vector<Document>& documents, Missing missing, const ProviderCheck& check) {
  Findings findings(missing);
  const Documents all(documents);
  for (const Document& document : documents) {
    if (checkShape(document, findings)) checkKind(document, {all, findings, check});
  }
  checkTwice(documents, findings);
  return findings.take();
}

}  // namespace towpath::lint
