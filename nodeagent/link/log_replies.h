#pragma once
// LogReplies: answers the coordinator's log requests, each as a row of POSTs of one piece, until the log ends or nobody
// reads any more.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "link/dialer.h"
#include "link/link.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::link {

class LogReplies {
 public:
  using Open = std::function<Result<std::unique_ptr<LogBody>>(const wire::LogRequest&)>;
  LogReplies(loop::Loop& loop, Dialer& dialer, Open open);

  void handle(wire::Request request);

 private:
  loop::Task<void> run(wire::Request request);
  loop::Task<void> sendPieces(std::string path, std::unique_ptr<LogBody> body);
  loop::Task<void> refuse(std::string path, Error error);

  loop::Loop& loop_;
  Dialer& dialer_;
  Open open_;
  // Set to stop an answer whose reader has gone.
  std::map<std::string, loop::Event*> cancels_;
  loop::Scope scope_;
};

}  // namespace towpath::link
