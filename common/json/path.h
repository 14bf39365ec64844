#pragma once
// JSONPath in the dialect of client-go (kubectl -o jsonpath, web metrics, printer columns): fields, 'quoted' fields,
// indices and slices (negative counts from the end), [*], .., unions [a,b], filters [?(@.a == 'x')], {range}…{end} and
// plain text. It is not RFC 9535.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::json {

enum class MissingKeys { kAllow, kFail };

// A parsed template: "{.status.phase}", "{range .items[*]}{.metadata.name}{\"\\n\"}{end}". A path without braces, as
// printer columns and printers have it (".spec.replicas", "spec.replicas"), is taken as one pair of braces around it.
class Path {
 public:
  static Result<Path> parse(std::string_view text);
  ~Path();
  Path(Path&&) noexcept;
  Path& operator=(Path&&) noexcept;

  // What the whole template prints: texts, and results separated by a space within one pair of braces.
  Result<std::string> print(const Value& root, MissingKeys missing = MissingKeys::kAllow) const;

  // The results of the first pair of braces that is no range. Pointers into `root` or into this path (literals), valid
  // as long as both.
  Result<std::vector<const Value*>> find(const Value& root, MissingKeys missing = MissingKeys::kAllow) const;

  struct Template;

 private:
  explicit Path(std::unique_ptr<Template> parsed);
  std::unique_ptr<Template> template_;
};

// How one result prints: strings bare, everything else as compact JSON.
std::string printValue(const Value& value);

}  // namespace towpath::json
