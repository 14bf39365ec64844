#pragma once
// YAML in and out, as kubectl reads and prints it: core-schema scalars, and the booleans of YAML 1.1 (yes, no, on, off)
// where they stand unquoted. Anchors, aliases and merge keys are expanded, within bounds.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::json {

struct YamlDocument {
  Value value;
  std::size_t line = 1;  // where the document begins
  // With YamlOptions::lines: where each member and element begins, by its path as joinPath (json/field.h) writes it.
  std::map<std::string, std::size_t> lines;
};

enum class YamlLines { kDocuments, kFields };

struct YamlOptions {
  // Paths of keys given twice in one mapping are appended here; the last one wins. Without it a duplicate is an error,
  // as it is for kubectl.
  std::vector<std::string>* duplicates = nullptr;
  YamlLines lines = YamlLines::kDocuments;
};

// All documents of a stream; those with no content are left out. JSON is YAML and is read as well.
// Errors: kInvalid "line 3, column 5: …", kTooLarge over the limits of base/limits.h.
Result<std::vector<YamlDocument>> parseYaml(std::string_view text, const YamlOptions& options = {});

// The one document of the text; kInvalid if there is none or there are more.
Result<Value> parseYamlDocument(std::string_view text, const YamlOptions& options = {});

// Block style, two spaces a level, members sorted, as `kubectl -o yaml` prints. Strings are quoted whenever a reader
// would take them for something else; text of several lines is a literal block. Ends in a newline.
std::string toYaml(const Value& value);

}  // namespace towpath::json
