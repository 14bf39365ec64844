#pragma once
// A parsed JSONPath template. Internal to json/.

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "json/path.h"

namespace towpath::json {

struct PathNode;
using PathNodes = std::vector<PathNode>;

struct PathLiteral {
  Value value;  // a text, number or boolean: it takes the place of what was found before it
};
struct PathField {
  std::string name;
};
struct PathSlice {
  std::optional<std::int64_t> begin;
  std::optional<std::int64_t> end;
  std::int64_t step = 1;
  bool is_single = false;  // [3] rather than [3:4]
};
struct PathWildcard {};
struct PathRecursive {};
struct PathUnion {
  std::vector<PathNodes> branches;
};
enum class PathOperator { kExists, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
struct PathFilter {
  PathNodes left;
  PathOperator op = PathOperator::kExists;
  PathNodes right;
};

struct PathNode {
  std::variant<PathLiteral, PathField, PathSlice, PathWildcard, PathRecursive, PathUnion, PathFilter> node;
};

// A text between braces is an action of one literal. A range prints `body` for each result of `nodes`.
struct PathPiece {
  PathNodes nodes;
  bool is_range = false;
  bool is_text = false;  // stood outside of braces
  std::vector<PathPiece> body;
};

struct Path::Template {
  std::vector<PathPiece> pieces;
};

Result<std::vector<PathPiece>> parsePathTemplate(std::string_view text);

}  // namespace towpath::json
