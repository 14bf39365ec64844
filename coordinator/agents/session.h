#pragma once
// Session: the one open stream to one node: its assignment down, deltas as they come, requests and pings. It runs
// inside the handler of the agent's HTTP request and writes at the node's own pace, so that a slow node delays nobody.

#include <cstdint>
#include <deque>
#include <string>

#include "agents/assigner.h"
#include "base/time.h"
#include "loop/event.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::http {
class ResponseWriter;
}

namespace towpath::agents {

// Why a session ended, for the log.
enum class SessionEnd { kAgentLeft, kTooSlow, kReplaced, kNodeDeleted, kShutdown };
const char* toString(SessionEnd end);

struct SessionOptions {
  Duration heartbeat = 10s;
  Duration lease = 40s;
  std::string version;  // of the coordinator
};

class Session {
 public:
  Session(loop::Loop& loop, Assigner& assigner, SessionOptions options, std::string node, const wire::Hello& hello);

  // Streams until the agent leaves or end() is called. The writer has been started.
  loop::Task<SessionEnd> run(http::ResponseWriter& writer);

  const std::string& node() const { return node_; }
  const std::string& nonce() const { return nonce_; }
  // What the node should have may have changed.
  void markDirty();
  // False if too many requests wait already.
  bool request(wire::Request request);
  // Makes run() return with that reason.
  void end(SessionEnd why);

 private:
  loop::Task<bool> sendAssignment(http::ResponseWriter& writer);
  loop::Task<bool> sendRequests(http::ResponseWriter& writer);
  loop::Task<bool> sendDown(http::ResponseWriter& writer, wire::Down message);
  loop::Task<void> tellClosed(http::ResponseWriter& writer);

  loop::Loop& loop_;
  Assigner& assigner_;
  SessionOptions options_;
  std::string node_;
  std::string nonce_;
  std::uint32_t protocol_ = wire::kProtocol;
  Assigner::Holding holding_;
  bool first_ = true;      // no assignment was sent yet
  bool snapshot_ = false;  // the agent has nothing: the first one replaces all
  bool dirty_ = true;
  std::deque<wire::Request> requests_;
  std::optional<SessionEnd> end_;
  MonoTime last_sent_;
  loop::Event wake_;
};

}  // namespace towpath::agents
