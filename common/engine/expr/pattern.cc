#include "engine/expr/pattern.h"

#include <re2/re2.h>

#include <memory>
#include <string>

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

// Go's dialect where it is another: groups are also named (?<name>…), and there is no \C, which would let a match end
// within a character.
struct Pattern {
  std::string text;
  bool any_byte = false;
};

Pattern fromGo(std::string_view pattern) {
  Pattern out;
  bool in_class = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const std::string_view rest = pattern.substr(at);
    if (rest[0] == '\\') {
      out.any_byte = out.any_byte || rest.starts_with("\\C");
      out.text += rest.substr(0, 2);
      ++at;
      continue;
    }
    if (!in_class && rest.starts_with("(?<")) {
      out.text += "(?P";
      ++at;
      continue;
    }
    // "[]a]" and "[^]a]" begin with a bracket of their own.
    if (!in_class && rest[0] == '[') {
      const std::size_t begin = rest.starts_with("[^") ? 2 : 1;
      const std::size_t opening = rest.substr(begin).starts_with(']') ? begin + 1 : begin;
      in_class = true;
      out.text += rest.substr(0, opening);
      at += opening - 1;
      continue;
    }
    if (rest[0] == ']') in_class = false;
    out.text += rest[0];
  }
  return out;
}

std::unexpected<Error> bad(std::string_view pattern, std::string_view why) {
  return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no regular expression: {}", pattern, why));
}

Result<std::unique_ptr<RE2>> compile(std::string_view pattern) {
  const Pattern read = fromGo(pattern);
  if (read.any_byte) return bad(pattern, "invalid escape sequence: \\C");
  auto compiled = std::make_unique<RE2>(pieceOf(read.text), options());
  if (!compiled->ok()) return bad(pattern, compiled->error());
  return compiled;
}

}  // namespace

Result<void> checkPattern(std::string_view pattern) {
  const Result<std::unique_ptr<RE2>> compiled = compile(pattern);
  if (!compiled) return std::unexpected(compiled.error());
  return {};
}

Result<bool> matches(std::string_view text, std::string_view pattern, Budget& budget) {
  const Result<std::unique_ptr<RE2>> compiled = compile(pattern);
  if (!compiled) return std::unexpected(compiled.error());
  // Where its states do not fit into memory, each of them is tried at each character.
  const std::size_t states = static_cast<std::size_t>((*compiled)->ProgramSize());
  if (Result<void> done = budget.work(64 + states * (16 + text.size()) / 16); !done) {
    return std::unexpected(done.error());
  }
  return RE2::PartialMatch(pieceOf(text), **compiled);
}

}  // namespace towpath::expr
