#include "proxy/haproxy_line.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>

#include "loop/timeout.h"

namespace towpath::proxy {
namespace {

constexpr std::string_view kPrompt = "\n> ";
constexpr std::size_t kLineBytes = 8000;  // HAProxy reads a line into a buffer of 16 KiB
constexpr std::size_t kAnswerBytes = std::size_t{64} << 20;
constexpr Duration kAnswerLimit = 5s;

int pidOf(std::string_view info) {
  constexpr std::string_view kField = "\nPid: ";
  const std::size_t at = info.find(kField);
  int pid = 0;
  if (at != std::string_view::npos) std::from_chars(info.data() + at + kField.size(), info.data() + info.size(), pid);
  return pid;
}

// How many commands from `first` on fit into one line.
std::size_t fitting(std::span<const std::string> commands) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const std::string& command : commands) {
    bytes += command.size() + 1;
    if (count > 0 && bytes > kLineBytes) break;
    ++count;
  }
  return count;
}

}  // namespace

loop::Task<Result<std::unique_ptr<HaproxyLine>>> HaproxyLine::open(loop::UvLoop& loop, std::string socket) {
  Result<loop::Stream> stream = co_await loop::Stream::connectUnix(loop, std::move(socket));
  if (!stream) co_return std::unexpected(stream.error());
  std::unique_ptr<HaproxyLine> line(new HaproxyLine(loop, std::move(*stream)));
  const Result<std::vector<std::string>> answers = co_await line->ask({"prompt", "show info"});
  if (!answers) co_return std::unexpected(answers.error());
  line->worker_ = pidOf(answers->back());
  if (line->worker_ == 0) co_return fail(ErrorKind::kUnavailable, "HAProxy does not say which of its workers answers");
  co_return line;
}

loop::Task<Result<std::vector<std::string>>> HaproxyLine::ask(std::vector<std::string> commands) {
  const auto turn = co_await turn_.acquire();
  if (broken_) co_return fail(ErrorKind::kUnavailable, "HAProxy's command line has broken off");
  broken_ = true;  // until the last answer is in: a caller may also be cancelled half-way
  Result<std::vector<std::string>> answers =
      co_await loop::withTimeout(loop_, kAnswerLimit, exchange(std::move(commands)));
  broken_ = !answers.has_value();
  if (answers) co_return answers;
  co_return fail(ErrorKind::kUnavailable, "HAProxy's command line: " + answers.error().message);
}

loop::Task<Result<std::vector<std::string>>> HaproxyLine::exchange(std::vector<std::string> commands) {
  std::vector<std::string> answers;
  while (answers.size() < commands.size()) {
    const std::span<const std::string> left = std::span(commands).subspan(answers.size());
    const std::span<const std::string> now = left.first(fitting(left));
    const std::string text = fmt::format("{}\n", fmt::join(now, ";"));
    if (const Result<void> written = co_await stream_.write(text); !written) co_return std::unexpected(written.error());
    for (std::size_t i = 0; i < now.size(); ++i) {
      Result<std::string> answer = co_await readAnswer();
      if (!answer) co_return std::unexpected(answer.error());
      answers.push_back(std::move(*answer));
    }
  }
  co_return answers;
}

loop::Task<Result<std::string>> HaproxyLine::readAnswer() {
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = unread_.find(kPrompt, searched);
    if (end != std::string::npos) {
      std::string answer = unread_.substr(0, end);
      unread_.erase(0, end + kPrompt.size());
      co_return answer;
    }
    if (unread_.size() > kAnswerBytes) co_return fail(ErrorKind::kTooLarge, "an answer without an end");
    searched = unread_.size() - std::min(unread_.size(), kPrompt.size() - 1);
    std::array<char, 16384> piece;
    const Result<std::size_t> count = co_await stream_.read(piece);
    if (!count) co_return std::unexpected(count.error());
    if (*count == 0) co_return fail(ErrorKind::kUnavailable, "the worker has closed it");
    unread_.append(piece.data(), *count);
  }
}

}  // namespace towpath::proxy
