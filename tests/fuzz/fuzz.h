#pragma once
// What the fuzz targets share. A target is one file with one function, run(); main.cc hands libFuzzer's bytes to it. It
// ends the process where a property does not hold, as the sanitizers do for what is never right.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace towpath::fuzz {

void run(std::string_view input);

// Ends the process with `what` unless it holds.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fputs(fmt::format("broken: {}\n", what).c_str(), stderr);
  std::abort();
}

// The part before the first `mark`, and what follows it.
inline std::pair<std::string_view, std::string_view> cut(std::string_view input, std::string_view mark = "\n") {
  const std::size_t at = input.find(mark);
  if (at == std::string_view::npos) return {input, {}};
  return {input.substr(0, at), input.substr(at + mark.size())};
}

}  // namespace towpath::fuzz
