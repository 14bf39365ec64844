#include "engine/expr/pattern.h"

#include <re2/re2.h>

namespace towpath::expr {
namespace {

re2::StringPiece pieceOf(std::string_view text) { return {text.data(), text.size()}; }

RE2::Options options() {
  RE2::Options out;
  out.set_log_errors(false);
  out.set_never_capture(true);
  out.set_max_mem(static_cast<std::int64_t>(kMaxPatternMemory));
  return out;
}

// Go has no \C, which would let a match end within a character.
bool hasAnyByte(std::string_view pattern) {
  for (std::size_t at = pattern.find('\\'); at != std::string_view::npos; at = pattern.find('\\', at + 2)) {
    if (pattern.substr(at + 1).starts_with('C')) return true;
  }
  return false;
}

std::unexpected<Error> bad(std::string_view pattern, std::string_view why) {
  return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no regular expression: {}", pattern, why));
}

Result<void> check(std::string_view pattern, const RE2& compiled) {
  if (!compiled.ok()) return bad(pattern, compiled.error());
  if (hasAnyByte(pattern)) return bad(pattern, "invalid escape sequence: \\C");
  return {};
}

}  // namespace

Result<void> checkPattern(std::string_view pattern) { return check(pattern, RE2(pieceOf(pattern), options())); }

Result<bool> matches(std::string_view text, std::string_view pattern, Budget& budget) {
  const RE2 compiled(pieceOf(pattern), options());
  if (Result<void> good = check(pattern, compiled); !good) return std::unexpected(good.error());
  // Where its states do not fit into memory, each of them is tried at each character.
  const std::size_t states = static_cast<std::size_t>(compiled.ProgramSize());
  if (Result<void> done = budget.work(64 + states * (16 + text.size()) / 16); !done) {
    return std::unexpected(done.error());
  }
  return RE2::PartialMatch(pieceOf(text), compiled);
}

}  // namespace towpath::expr
