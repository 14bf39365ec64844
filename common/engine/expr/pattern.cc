#include "engine/expr/pattern.h"

#include <algorithm>
#include <charconv>
#include <regex>
#include <string>

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string_view pattern, std::string_view why) {
  return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no regular expression here: {}", pattern, why));
}

// The product of the counts in {n}, {n,} and {n,m}: an upper bound of how often a part of the pattern is written out.
std::size_t repetitions(std::string_view pattern) {
  std::size_t product = 1;
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1)) {
    const std::string_view inside = pattern.substr(at + 1, pattern.find('}', at) - at - 1);
    std::size_t most = 1;
    for (std::size_t i = 0; i < inside.size();) {
      std::size_t number = 0;
      const auto [stop, error] = std::from_chars(inside.data() + i, inside.data() + inside.size(), number);
      const auto read = static_cast<std::size_t>(stop - (inside.data() + i));
      if (error == std::errc::result_out_of_range) number = kMaxWrittenOut + 1;
      most = std::max(most, read > 0 ? number : std::size_t{1});
      i += std::max<std::size_t>(read, 1);
    }
    product = std::min(product * std::min(most, kMaxWrittenOut + 1), kMaxWrittenOut + 1);
  }
  return product;
}

// (?i) at the start is the one flag that is known.
bool ignoresCase(std::string_view pattern) { return pattern.starts_with("(?i)"); }

Result<std::regex> compile(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) return bad(pattern, fmt::format("it is longer than {} bytes", kMaxPattern));
  // Its automaton is walked by recursion.
  if (pattern.size() * repetitions(pattern) > kMaxWrittenOut) {
    return bad(pattern, fmt::format("written out without its counts it is longer than {} bytes", kMaxWrittenOut));
  }
  const bool fold = ignoresCase(pattern);
  const std::string_view body = pattern.substr(fold ? 4 : 0);
  for (const std::string_view group : {"(?=", "(?!", "(?<", "(?P", "(?i", "(?s", "(?m", "(?U", "(?-"}) {
    if (body.find(group) == std::string_view::npos) continue;
    return bad(pattern, fmt::format("\"{}\" is not supported; (?i) is, at the start", group));
  }
  try {
    auto flags = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
    if (fold) flags |= std::regex::icase;
    std::regex alone(body.begin(), body.end(), flags);  // so that no parenthesis of its own closes the group
    // One search from the start that passes over any beginning: a search from each place would be quadratic.
    return std::regex(fmt::format("[\\s\\S]*(?:{})", body), flags);
  } catch (const std::regex_error& error) {
    return bad(pattern, error.what());
  }
}

}  // namespace

Result<void> checkPattern(std::string_view pattern) {
  const Result<std::regex> compiled = compile(pattern);
  if (!compiled) return std::unexpected(compiled.error());
  return {};
}

Result<bool> matches(std::string_view text, std::string_view pattern, Budget& budget) {
  if (text.size() > kMaxMatchedText) {
    return fail(ErrorKind::kTooLarge, fmt::format("matches looks at {} bytes at most: cut the text, as in text[:{}]",
                                                  kMaxMatchedText, kMaxMatchedText));
  }
  const Result<std::regex> compiled = compile(pattern);
  if (!compiled) return std::unexpected(compiled.error());
  // What the automaton has to do: each of its states for each character.
  const std::size_t states = pattern.size() * repetitions(pattern);
  if (Result<void> done = budget.work(64 + states * (1 + text.size())); !done) {
    return std::unexpected(done.error());
  }
  return std::regex_search(text.begin(), text.end(), *compiled, std::regex_constants::match_continuous);
}

}  // namespace towpath::expr
