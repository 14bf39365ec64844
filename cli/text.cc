#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace towpath::cli {

std::string Painter::paint(std::string_view text, Paint paint) const {
  if (colour_ == Colour::kNone || paint == Paint::kNone) return std::string(text);
  const char* code = paint == Paint::kRed      ? "31"
                     : paint == Paint::kGreen  ? "32"
                     : paint == Paint::kYellow ? "33"
                                               : "94";
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string labelled(std::string_view label, std::string_view value) { return fmt::format("{:<17}{}\n", label, value); }

std::size_t displayWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm') ++i;
      continue;
    }
    // Continuation bytes of UTF-8 take no column.
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++width;
  }
  return width;
}

std::string Table::render() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], displayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - displayWidth(row[i]) + 2, ' ');
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string counted(std::ptrdiff_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace towpath::cli
