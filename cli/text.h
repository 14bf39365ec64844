#pragma once
// Text for a terminal: aligned tables that know the width of icons and colours, and ANSI colours that can be off.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace towpath::cli {

enum class Colour { kNone, kAnsi };

enum class Paint { kNone, kRed, kGreen, kYellow, kBlue };

class Painter {
 public:
  explicit Painter(Colour colour) : colour_(colour) {}
  std::string paint(std::string_view text, Paint paint) const;

 private:
  Colour colour_;
};

// Columns as wide as their widest cell, two spaces between, nothing after the last.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string render() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A line of a view's header: the label, padded, and the value.
std::string labelled(std::string_view label, std::string_view value);

// "1 error", "2 errors".
std::string counted(std::ptrdiff_t count, std::string_view noun);

// Columns that the text takes on a terminal: code points without ANSI sequences and combining marks.
std::size_t displayWidth(std::string_view text);

}  // namespace towpath::cli
