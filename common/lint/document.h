#pragma once
// The objects of manifest files, with where each field was written.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::lint {

struct Document {
  std::string file;
  std::size_t line = 1;  // where it begins
  Value object;
  std::map<std::string, std::size_t> lines;  // of the fields, by path

  std::string_view kind() const { return object["kind"].asStringView(); }
  std::string_view name() const { return object["metadata"]["name"].asStringView(); }
  std::string_view ns() const { return object["metadata"]["namespace"].asStringView(); }

  // Where the field is, or the nearest one around it that is written. Knows that rules of a Rollout leave the segment
  // `canary` or `blueGreen` out of their paths (api/validate.h).
  std::size_t lineOf(std::string_view path) const;
};

// All objects of one file; the items of a List stand for themselves. Errors as json::parseYaml's.
Result<std::vector<Document>> readDocuments(std::string_view text, const std::string& file);

// The objects that are checked together, by what refers to them.
class Documents {
 public:
  explicit Documents(const std::vector<Document>& documents) : documents_(documents) {}

  // nullptr if there is none. A namespace that is not written matches any; `ns` empty as well.
  const Document* find(std::string_view kind, std::string_view name, std::string_view ns) const;
  const std::vector<Document>& all() const { return documents_; }

 private:
  const std::vector<Document>& documents_;
};

}  // namespace towpath::lint
