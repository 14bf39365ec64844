#include "proxy/haproxy_cli.h"

#include <fmt/format.h>

#include "loop/timeout.h"

namespace towpath::proxy {
namespace {

constexpr std::size_t kLineBytes = 8000;  // HAProxy reads a line into a buffer of 16 KiB
constexpr std::size_t kAnswerBytes = std::size_t{64} << 20;
constexpr Duration kAnswerLimit = 5s;

std::string prefixed(int worker, const std::string& command) { return fmt::format("@!{} {}", worker, command); }

// Lines of at most kLineBytes, each with several commands.
std::vector<std::string> pack(int worker, const std::vector<std::string>& commands) {
  std::vector<std::string> lines;
  for (const std::string& command : commands) {
    const std::string one = prefixed(worker, command);
    if (lines.empty() || lines.back().size() + one.size() + 1 > kLineBytes)
      lines.push_back(one);
    else
      lines.back() += ";" + one;
  }
  return lines;
}

// Answers end with an empty line each.
std::vector<std::string> splitAnswers(const std::string& text) {
  std::vector<std::string> answers;
  std::size_t at = 0;
  while ((at = text.find_first_not_of('\n', at)) != std::string::npos) {
    const std::size_t end = std::min(text.find("\n\n", at), text.size());
    answers.push_back(text.substr(at, end - at + 1));
    at = end;
  }
  return answers;
}

}  // namespace

// Without half-closing, the master would keep the connection for further commands and the answer would have no end.
loop::Task<Result<std::string>> HaproxyCli::talk(std::string line) {
  Result<loop::Stream> stream = co_await loop::Stream::connectUnix(loop_, socket_);
  if (!stream) co_return std::unexpected(stream.error());
  line += '\n';
  if (const Result<void> written = co_await stream->write(line); !written) co_return std::unexpected(written.error());
  stream->finishWriting();
  co_return co_await stream->readAll(kAnswerBytes);
}

loop::Task<Result<std::string>> HaproxyCli::exchange(std::string line) {
  Result<std::string> answer = co_await loop::withTimeout(loop_, kAnswerLimit, talk(std::move(line)));
  if (!answer) co_return fail(ErrorKind::kUnavailable, "HAProxy's master socket: " + answer.error().message);
  co_return answer;
}

loop::Task<Result<Processes>> HaproxyCli::processes() {
  const Result<std::string> answer = co_await exchange("show proc");
  if (!answer) co_return std::unexpected(answer.error());
  Processes processes = readProcesses(*answer);
  if (processes.master == 0)
    co_return fail(ErrorKind::kUnavailable, "HAProxy's master socket gave no list of processes");
  co_return processes;
}

loop::Task<Result<std::string>> HaproxyCli::ask(int worker, std::string command) {
  co_return co_await exchange(prefixed(worker, command));
}

loop::Task<Result<void>> HaproxyCli::tell(int worker, std::vector<std::string> commands) {
  for (std::string& line : pack(worker, commands)) {
    const Result<std::string> answer = co_await exchange(std::move(line));
    if (!answer) co_return std::unexpected(answer.error());
  }
  co_return Result<void>();
}

loop::Task<Result<std::vector<std::string>>> HaproxyCli::askAll(int worker, std::vector<std::string> commands) {
  std::vector<std::string> answers;
  for (std::string& line : pack(worker, commands)) {
    const Result<std::string> answer = co_await exchange(std::move(line));
    if (!answer) co_return std::unexpected(answer.error());
    for (std::string& one : splitAnswers(*answer)) answers.push_back(std::move(one));
  }
  if (answers.size() == commands.size()) co_return answers;
  // Some answer was empty, so that the others cannot be told apart: one by one.
  answers.clear();
  for (std::string& command : commands) {
    Result<std::string> answer = co_await ask(worker, std::move(command));
    if (!answer) co_return std::unexpected(answer.error());
    answers.push_back(std::move(*answer));
  }
  co_return answers;
}

}  // namespace towpath::proxy
