#pragma once
// Reader of the compact text in builtin_kinds.cc: names with fields become structural schemas.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/kinds.h"

namespace towpath::apiserver {

// A mistake in the text is a bug of ours and ends the process.
class ShapeTable {
 public:
  // Shapes may use those read before them.
  void read(std::string_view text);
  std::vector<Kind> kinds(std::string_view table) const;

 private:
  Value typeSchema(std::string_view type) const;
  Value shapeSchema(std::string_view fields) const;
  void addField(std::string_view field, Object& properties, Array& required) const;

  std::map<std::string, Value, std::less<>> shapes_;
};

}  // namespace towpath::apiserver
