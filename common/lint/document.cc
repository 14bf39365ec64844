#include "lint/document.h"

#include <algorithm>

#include "json/field.h"
#include "json/yaml.h"

namespace towpath::lint {
namespace {

// "spec.strategy.steps[0].setWeight" → "spec.strategy.canary.steps[0].setWeight".
std::string withStrategy(std::string_view path, std::string_view strategy) {
  constexpr std::string_view kPrefix = "spec.strategy.";
  if (!path.starts_with(kPrefix)) return std::string(path);
  return std::string(kPrefix) + std::string(strategy) + "." + std::string(path.substr(kPrefix.size()));
}

// The path of what is around; empty at the top.
std::string_view parentOf(std::string_view path) {
  const std::size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

std::map<std::string, std::size_t> linesUnder(const std::map<std::string, std::size_t>& lines,
                                              const std::string& path) {
  std::map<std::string, std::size_t> found;
  for (auto at = lines.lower_bound(path + "."); at != lines.end() && at->first.starts_with(path + "."); ++at) {
    found.emplace(at->first.substr(path.size() + 1), at->second);
  }
  return found;
}

void addItems(json::YamlDocument& list, const std::string& file, std::vector<Document>& documents) {
  const Array& items = std::as_const(list.value)["items"].asArray();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string path = json::joinPath("items", i);
    const auto line = list.lines.find(path);
    documents.push_back(
        {file, line == list.lines.end() ? list.line : line->second, items[i], linesUnder(list.lines, path)});
  }
}

}  // namespace

std::size_t Document::lineOf(std::string_view path) const {
  const bool canary = object["spec"]["strategy"]["canary"].isObject();
  const std::string full = withStrategy(path, canary ? "canary" : "blueGreen");
  for (std::string_view at = path, fuller = full; !at.empty() || !fuller.empty();
       at = parentOf(at), fuller = parentOf(fuller)) {
    for (const std::string_view candidate : {fuller, at}) {
      if (const auto found = lines.find(std::string(candidate)); found != lines.end()) return found->second;
    }
  }
  return line;
}

Result<std::vector<Document>> readDocuments(std::string_view text, const std::string& file) {
  Result<std::vector<json::YamlDocument>> parsed = json::parseYaml(text, {.lines = json::YamlLines::kFields});
  if (!parsed) return std::unexpected(parsed.error());
  std::vector<Document> documents;
  for (json::YamlDocument& document : *parsed) {
    if (std::as_const(document.value)["kind"].asStringView() == "List") {
      addItems(document, file, documents);
    } else {
      documents.push_back({file, document.line, std::move(document.value), std::move(document.lines)});
    }
  }
  return documents;
}

const Document* Documents::find(std::string_view kind, std::string_view name, std::string_view ns) const {
  const auto found = std::ranges::find_if(documents_, [&](const Document& document) {
    return document.kind() == kind && document.name() == name &&
           (ns.empty() || document.ns().empty() || document.ns() == ns);
  });
  return found == documents_.end() ? nullptr : &*found;
}

}  // namespace towpath::lint
