#include "proxy/haproxy_cli.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "loop/timeout.h"
#include "proxy/haproxy_process.h"

namespace towpath::proxy {
namespace {

constexpr std::size_t kAnswerBytes = std::size_t{64} << 20;
constexpr Duration kMasterLimit = 2s;
// After it gave no answer: every command that waits for one takes another of its connections.
constexpr Duration kMasterRest = 30s;

// It lives, but answers nothing; not so while it is away or starts itself anew for a reload.
bool isSilence(const Error& error) {
  return error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kTooManyRequests;
}

}  // namespace

// ---- the master
// -------------------------------------------------------------------------------------------------------------------

// Without half-closing, the master would keep the connection for further commands and the answer would have no end.
loop::Task<Result<std::string>> HaproxyCli::talkToMaster(std::string line) {
  Result<loop::Stream> stream = co_await loop::Stream::connectUnix(loop_, sockets_.master);
  if (!stream) co_return std::unexpected(stream.error());
  line += '\n';
  if (const Result<void> written = co_await stream->write(line); !written) co_return std::unexpected(written.error());
  stream->finishWriting();
  co_return co_await stream->readAll(kAnswerBytes);
}

loop::Task<Result<std::string>> HaproxyCli::askMaster(std::string line) {
  Result<std::string> answer = co_await loop::withTimeout(loop_, kMasterLimit, talkToMaster(std::move(line)));
  if (!answer) answer.error().message = "HAProxy's master socket: " + answer.error().message;
  co_return answer;
}

void HaproxyCli::remember(const Processes& processes) {
  known_ = Known{processes, {{processes.master, processKey(processes.master).value_or("")}}};
  std::set<int> old;
  for (const WorkerProcess& worker : processes.workers) {
    known_->keys[worker.pid] = processKey(worker.pid).value_or("");
    if (worker.age == WorkerAge::kOld) old.insert(worker.pid);
  }
  old_ = std::move(old);
  std::erase_if(silent_, [this](int pid) { return !old_.contains(pid); });
  // Not by the master's list alone: while it starts itself anew it may lack one for a moment.
  std::erase_if(lines_, [this](const auto& line) {
    return !known_->keys.contains(line.first) && !processKey(line.first).has_value();
  });
}

std::optional<Processes> HaproxyCli::stillRunning() const {
  if (!known_) return std::nullopt;
  const auto runs = [this](int pid) { return processKey(pid).value_or("gone") == known_->keys.at(pid); };
  if (!runs(known_->processes.master)) return std::nullopt;
  Processes processes = known_->processes;
  std::erase_if(processes.workers, [&](const WorkerProcess& worker) { return !runs(worker.pid); });
  return processes;
}

loop::Task<Result<Processes>> HaproxyCli::processes() {
  const bool rests = loop_.now() < master_silent_until_;
  if (std::optional<Processes> known = rests ? stillRunning() : std::nullopt) co_return std::move(*known);
  const Result<std::string> answer = co_await askMaster("show proc");
  if (!answer && isSilence(answer.error())) {
    std::optional<Processes> known = stillRunning();
    if (!known) co_return fail(ErrorKind::kUnavailable, answer.error().message);
    log::warning("HAProxy's master takes no commands, its workers are spoken to all the same",
                 {{"pid", known->master}, {"error", answer.error().message}});
    master_silent_until_ = loop_.now() + kMasterRest;
    co_return std::move(*known);
  }
  if (!answer) co_return fail(ErrorKind::kUnavailable, answer.error().message);
  const Processes processes = readProcesses(*answer);
  if (processes.master == 0)
    co_return fail(ErrorKind::kUnavailable, "HAProxy's master socket gave no list of processes");
  master_silent_until_ = {};
  remember(processes);
  co_return processes;
}

// One command a connection, so that each answer has an end of its own.
loop::Task<Result<std::vector<std::string>>> HaproxyCli::askThroughMaster(int worker,
                                                                          std::vector<std::string> commands) {
  std::vector<std::string> answers;
  for (const std::string& command : commands) {
    if (silent_.contains(worker))
      co_return fail(ErrorKind::kUnavailable, fmt::format("HAProxy's old worker {} gives no answers", worker));
    Result<std::string> answer = co_await askMaster(fmt::format("@!{} {}", worker, command));
    if (!answer && isSilence(answer.error())) silent_.insert(worker);
    if (!answer) co_return fail(ErrorKind::kUnavailable, answer.error().message);
    answers.push_back(std::move(*answer));
  }
  co_return answers;
}

// ---- the workers
// ------------------------------------------------------------------------------------------------------------------

loop::Task<Result<HaproxyCli::Line>> HaproxyCli::lineTo(int worker) {
  if (const auto known = lines_.find(worker); known != lines_.end()) {
    if (!known->second->broken()) co_return known->second;
    lines_.erase(known);
  }
  Result<std::unique_ptr<HaproxyLine>> opened = co_await HaproxyLine::open(loop_, sockets_.worker);
  if (!opened) co_return std::unexpected(opened.error());
  if ((*opened)->worker() != worker) {
    co_return fail(ErrorKind::kUnavailable,
                   fmt::format("HAProxy's worker {} answers instead of {}", (*opened)->worker(), worker));
  }
  // Somebody else may have been quicker; one is enough.
  co_return lines_.try_emplace(worker, std::move(*opened)).first->second;
}

loop::Task<Result<void>> HaproxyCli::hold(int worker) {
  const Result<Line> line = co_await lineTo(worker);
  if (!line) co_return std::unexpected(line.error());
  co_return Result<void>();
}

loop::Task<Result<std::vector<std::string>>> HaproxyCli::askAll(int worker, std::vector<std::string> commands) {
  if (old_.contains(worker) && !lines_.contains(worker))
    co_return co_await askThroughMaster(worker, std::move(commands));
  const Result<Line> line = co_await lineTo(worker);
  if (!line) co_return std::unexpected(line.error());
  co_return co_await (*line)->ask(std::move(commands));
}

loop::Task<Result<std::string>> HaproxyCli::ask(int worker, std::string command) {
  std::vector<std::string> commands;
  commands.push_back(std::move(command));
  Result<std::vector<std::string>> answers = co_await askAll(worker, std::move(commands));
  if (!answers) co_return std::unexpected(answers.error());
  co_return std::move(answers->front());
}

loop::Task<Result<void>> HaproxyCli::tell(int worker, std::vector<std::string> commands) {
  const Result<std::vector<std::string>> answers = co_await askAll(worker, std::move(commands));
  if (!answers) co_return std::unexpected(answers.error());
  co_return Result<void>();
}

}  // namespace towpath::proxy
