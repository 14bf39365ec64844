// towpath lint: manifests checked before anybody has to take them.

#include "lint/lint.h"

#include "cli/command.h"
#include "cli/manifest_files.h"
#include "cli/text.h"
#include "json/serialize.h"
#include "metrics/own_settings.h"

namespace towpath::cli {
namespace {

struct Read {
  std::vector<lint::Document> documents;
  std::vector<lint::Finding> broken;  // files that are no YAML
};

Read readAll(const std::vector<std::string>& files) {
  Read read;
  for (const ManifestFile& file : readFiles(files)) {
    Result<std::vector<lint::Document>> documents = lint::readDocuments(file.text, file.name);
    if (!documents) {
      read.broken.push_back(
          {.file = file.name, .kind = {}, .name = {}, .path = {}, .message = documents.error().message});
      continue;
    }
    for (lint::Document& document : *documents) read.documents.push_back(std::move(document));
  }
  return read;
}

Value findingToJson(const lint::Finding& finding) {
  return Value(Object{{"severity", lint::toString(finding.severity)},
                      {"file", finding.file},
                      {"line", static_cast<std::int64_t>(finding.line)},
                      {"kind", finding.kind},
                      {"name", finding.name},
                      {"path", finding.path},
                      {"message", finding.message}});
}

}  // namespace

int lintFiles(const LintOptions& options) {
  const bool json = options.output == "json";
  if (!json && options.output != "text") {
    throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is neither text nor json", options.output), "--output"}};
  }
  Read read = readAll(options.files);
  if (read.documents.empty() && read.broken.empty()) {
    throw Failure{{ErrorKind::kInvalid, "holds no object", fmt::format("{}", fmt::join(options.files, ", "))}};
  }
  std::vector<lint::Finding> findings = std::move(read.broken);
  const auto missing = options.strict ? lint::Missing::kError : lint::Missing::kWarning;
  for (lint::Finding& finding : lint::lint(read.documents, missing, metrics::checkOwnSettings))
    findings.push_back(std::move(finding));
  const auto errors = std::ranges::count(findings, lint::Severity::kError, &lint::Finding::severity);
  const auto warnings = std::ssize(findings) - errors;
  if (json) {
    Array list;
    for (const lint::Finding& finding : findings) list.push_back(findingToJson(finding));
    print(json::serializePretty(Value(Object{{"objects", static_cast<std::int64_t>(read.documents.size())},
                                             {"errors", errors},
                                             {"warnings", warnings},
                                             {"findings", std::move(list)}})) +
          "\n");
  } else {
    for (const lint::Finding& finding : findings) print(lint::toString(finding) + "\n");
    fmt::print(stderr, "{}, {}, {}\n", counted(std::ssize(read.documents), "object"), counted(errors, "error"),
               counted(warnings, "warning"));
  }
  return errors == 0 ? 0 : 1;
}

}  // namespace towpath::cli
