#include "link/log_replies.h"

#include <utility>

#include "base/log.h"
#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::link {

namespace {

constexpr std::size_t kAnswersAtOnce = 32;
constexpr std::size_t kPieceBytes = 256u << 10;

const char* statusOf(ErrorKind kind) {
  if (kind == ErrorKind::kNotFound) return "404";
  if (kind == ErrorKind::kInvalid) return "400";
  if (kind == ErrorKind::kUnsupported) return "501";
  return "503";
}

}  // namespace

LogReplies::LogReplies(loop::Loop& loop, Dialer& dialer, Open open)
    : loop_(loop), dialer_(dialer), open_(std::move(open)), scope_(loop, "log replies") {}

void LogReplies::handle(wire::Request request) {
  if (std::holds_alternative<wire::CancelRequest>(request.kind)) {
    auto found = cancels_.find(request.id);
    if (found != cancels_.end()) found->second->set();
    return;
  }
  scope_.spawn(run(std::move(request)));
}

loop::Task<void> LogReplies::run(wire::Request request) {
  std::string path = "/agent/v1/reply/" + request.id;
  const auto* log = std::get_if<wire::LogRequest>(&request.kind);
  if (!log) co_return co_await refuse(path, {ErrorKind::kUnsupported, "this agent does not know that request", ""});
  if (cancels_.size() >= kAnswersAtOnce) {
    co_return co_await refuse(path,
                              {ErrorKind::kTooManyRequests, "this node answers too many log requests already", ""});
  }
  Result<std::unique_ptr<LogBody>> body = open_(*log);
  if (!body) co_return co_await refuse(path, body.error());
  loop::Event cancel(loop_);
  cancels_[request.id] = &cancel;
  // Left by scope as well as by the end: a frame that is destroyed must not leave its event in the table.
  auto leave = [this, &request](loop::Event*) { cancels_.erase(request.id); };
  std::unique_ptr<loop::Event, decltype(leave)> listed(&cancel, leave);
  co_await loop::unlessSet(loop_, cancel, sendPieces(path, std::move(*body)));
}

loop::Task<void> LogReplies::sendPieces(std::string path, std::unique_ptr<LogBody> body) {
  for (;;) {
    Result<std::string> piece = co_await body->next();
    if (!piece) co_return co_await refuse(path, piece.error());
    bool last = piece->empty();
    do {
      std::string part = piece->substr(0, kPieceBytes);
      piece->erase(0, part.size());
      http::Headers headers;
      if (!last) headers.set("Towpath-More", "1");
      Result<std::string> sent = co_await dialer_.post(path, std::move(part), std::move(headers));
      if (!sent) {
        log::debug("a log answer was not taken", {{"error", sent.error().message}});
        co_return;
      }
    } while (!piece->empty());
    if (last) co_return;
  }
}

loop::Task<void> LogReplies::refuse(std::string path, Error error) {
  Result<std::string> sent = co_await dialer_.post(path, error.message, {{"Towpath-Status", statusOf(error.kind)}});
  if (!sent) log::debug("a log answer was not taken", {{"error", sent.error().message}});
}

}  // namespace towpath::link
