#include "metrics/time_expression.h"

#include <fmt/format.h>

namespace towpath::metrics {
namespace {

// Times are kept in nanoseconds; beyond this they would not fit.
constexpr Duration kFarthest = 24h * 36500;

class Reader {
 public:
  Reader(std::string_view text, WallTime now) : text_(text), now_(now) {}

  Result<WallTime> read() {
    Result<WallTime> time = readTime();
    while (time && !atEnd()) {
      const bool add = take('+');
      if (!add && !take('-')) return bad("+ or - and a duration(\"…\")");
      const Result<Duration> by = readDuration();
      if (!by) return std::unexpected(by.error());
      const Duration since = time->time_since_epoch() + (add ? *by : -*by);
      if (since > kFarthest || since < -kFarthest) return fail(ErrorKind::kInvalid, "the time is out of range");
      *time = WallTime(since);
    }
    return time;
  }

 private:
  std::unexpected<Error> bad(std::string_view wanted) const {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\" at {}: {} is wanted", text_, at_ + 1, wanted));
  }
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool atEnd() {
    skipSpace();
    return at_ == text_.size();
  }
  bool take(char c) {
    skipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool takeWord(std::string_view word) {
    skipSpace();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  Result<std::string_view> readArgument() {
    if (!take('(')) return bad("(");
    skipSpace();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '"' && quote != '\'') return bad("a text in quotes");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return bad("the end of the text");
    const std::string_view argument = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (!take(')')) return bad(")");
    return argument;
  }
  Result<WallTime> readTime() {
    if (takeWord("now")) {
      if (!take('(') || !take(')')) return bad("now()");
      return now_;
    }
    if (!takeWord("date")) return bad("now() or date(\"…\")");
    const Result<std::string_view> argument = readArgument();
    if (!argument) return std::unexpected(argument.error());
    std::string text(*argument);
    if (text.size() == std::string_view("2024-01-01").size()) text += "T00:00:00Z";
    const std::optional<WallTime> time = parseRfc3339(text);
    if (!time) return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no date such as 2024-01-01T00:00:00Z", text));
    return *time;
  }
  Result<Duration> readDuration() {
    if (!takeWord("duration")) return bad("duration(\"…\")");
    const Result<std::string_view> argument = readArgument();
    if (!argument) return std::unexpected(argument.error());
    Result<Duration> duration = parseGoDuration(*argument);
    if (duration && (*duration > kFarthest || *duration < -kFarthest)) {
      return fail(ErrorKind::kInvalid, "the duration is longer than a hundred years");
    }
    return duration;
  }

  std::string_view text_;
  WallTime now_;
  std::size_t at_ = 0;
};

}  // namespace

Result<WallTime> evaluateTime(std::string_view text, WallTime now) { return Reader(text, now).read(); }

}  // namespace towpath::metrics
