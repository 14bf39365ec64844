#pragma once
// Logs of pods, fetched from the agent that runs them: the request goes down its session, the answer comes up as a row
// of POSTs, one a piece, each acknowledged when there is room: at the pace of whoever reads it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "apiserver/log_source.h"
#include "base/error.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::http {
class Request;
}

namespace towpath::agents {

class LogChannel final : public apiserver::LogSource {
 public:
  // Sends a request down the session of a node: kUnavailable if it has none, kTooManyRequests if too many wait.
  using Ask = std::function<Result<void>(const std::string& node, wire::Request request)>;

  LogChannel(loop::Loop& loop, Ask ask);
  ~LogChannel() override;

  loop::Task<Result<std::unique_ptr<apiserver::LogStream>>> open(cluster::ObjectRef pod,
                                                                 apiserver::LogOptions options) override;

  // A piece of the answer: POST /agent/v1/reply/<id> from that node. kNotFound: nobody waits for it (any more), or it
  // was asked of another node.
  loop::Task<Result<void>> take(std::string node, std::string id, http::Request& request);
  // The node's session has ended: what was asked of it fails now.
  void nodeLeft(const std::string& node);

 private:
  struct Transfer;
  class Stream;
  void cancel(const std::string& id);

  loop::Loop& loop_;
  Ask ask_;
  // Shared between the reader (Stream) and the writer (take): either may go first.
  std::map<std::string, std::shared_ptr<Transfer>> transfers_;
  std::uint64_t last_id_ = 0;
};

}  // namespace towpath::agents
