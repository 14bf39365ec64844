#include "lint/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace towpath::lint {

const char* toString(Severity severity) { return severity == Severity::kError ? "error" : "warning"; }

std::string toString(const Finding& finding) {
  std::string text = finding.file;
  if (finding.line > 0) text += fmt::format(":{}", finding.line);
  text += fmt::format(": {}: ", toString(finding.severity));
  if (!finding.kind.empty()) text += fmt::format("{} \"{}\": ", finding.kind, finding.name);
  if (!finding.path.empty()) text += finding.path + ": ";
  return text + finding.message;
}

void Findings::add(Severity severity, const Document& at, std::string_view path, std::string message) {
  findings_.push_back({severity, at.file, at.lineOf(path), std::string(at.kind()), std::string(at.name()),
                       std::string(path), std::move(message)});
}

void Findings::error(const Document& at, std::string_view path, std::string message) {
  add(Severity::kError, at, path, std::move(message));
}

void Findings::warning(const Document& at, std::string_view path, std::string message) {
  add(Severity::kWarning, at, path, std::move(message));
}

void Findings::missing(const Document& at, std::string_view path, const std::string& what) {
  add(missing_ == Missing::kError ? Severity::kError : Severity::kWarning, at, path,
      fmt::format("{} is in none of the files", what));
}

bool Findings::has(const Document& at, std::string_view path) const {
  return std::ranges::any_of(findings_, [&](const Finding& finding) {
    return finding.path == path && finding.kind == at.kind() && finding.name == at.name() && finding.file == at.file;
  });
}

std::vector<Finding> Findings::take() {
  std::multimap<std::pair<std::string, std::size_t>, Finding> sorted;  // equal places keep their order
  for (Finding& finding : findings_) {
    std::pair place(finding.file, finding.line);
    sorted.emplace(std::move(place), std::move(finding));
  }
  std::vector<Finding> once;
  for (auto& [place, finding] : sorted) {
    if (std::ranges::find(once, finding) == once.end()) once.push_back(std::move(finding));
  }
  return once;
}

}  // namespace towpath::lint
