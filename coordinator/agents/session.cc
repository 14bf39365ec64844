#include "agents/session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "http/server.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "wire/frame.h"

namespace towpath::agents {

namespace {

constexpr std::size_t kRequestsWaiting = 64;
// One message of an assignment stays well below wire::kFrameBytes even if its last object has the largest size that the
// store takes.
constexpr std::size_t kMessageBytes = 1u << 20;

wire::ObjectState takeFront(std::vector<wire::ObjectState>& objects, std::size_t at) { return std::move(objects[at]); }

// Cuts an assignment into messages of bounded size; all but the last say that more follows.
std::vector<wire::Assignment> split(wire::Assignment whole) {
  std::vector<wire::Assignment> parts;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < whole.objects.size(); ++i) {
    if (parts.empty() || bytes > kMessageBytes) {
      parts.push_back(
          {.revision = whole.revision, .snapshot = whole.snapshot && parts.empty(), .objects = {}, .more = true});
      bytes = 0;
    }
    bytes += whole.objects[i].json.size();
    parts.back().objects.push_back(takeFront(whole.objects, i));
  }
  if (parts.empty()) parts.push_back({.revision = whole.revision, .snapshot = whole.snapshot});
  parts.back().more = false;
  return parts;
}

}  // namespace

const char* toString(SessionEnd end) {
  switch (end) {
    case SessionEnd::kAgentLeft:
      return "the agent left";
    case SessionEnd::kTooSlow:
      return "the agent took nothing";
    case SessionEnd::kReplaced:
      return "replaced by a newer session";
    case SessionEnd::kNodeDeleted:
      return "the node was deleted";
    case SessionEnd::kShutdown:
      return "shutting down";
  }
  return "unknown";
}

Session::Session(loop::Loop& loop, Assigner& assigner, SessionOptions options, std::string node,
                 const wire::Hello& hello)
    : loop_(loop),
      assigner_(assigner),
      options_(std::move(options)),
      node_(std::move(node)),
      nonce_(hello.session_nonce),
      protocol_(std::min(hello.node.protocol, wire::kProtocol)),
      snapshot_(hello.holds.empty()),
      last_sent_(loop.now()),
      wake_(loop) {
  for (const wire::HeldObject& held : hello.holds) {
    holding_[{held.resource, held.ns, held.name}] = held.hash;
  }
}

void Session::markDirty() {
  dirty_ = true;
  wake_.set();
}

bool Session::request(wire::Request request) {
  if (requests_.size() >= kRequestsWaiting) return false;
  requests_.push_back(std::move(request));
  wake_.set();
  return true;
}

void Session::end(SessionEnd why) {
  if (!end_) end_ = why;
  wake_.set();
}

loop::Task<void> Session::tellClosed(http::ResponseWriter& writer) {
  co_await writer.closed().wait();
  end(writer.clientGone() ? SessionEnd::kAgentLeft : SessionEnd::kShutdown);
}

loop::Task<SessionEnd> Session::run(http::ResponseWriter& writer) {
  loop::Scope scope(loop_, "session");
  scope.spawn(tellClosed(writer));
  auto seconds = [](Duration duration) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  };
  wire::Welcome welcome{.protocol = protocol_,
                        .heartbeat_seconds = seconds(options_.heartbeat),
                        .lease_seconds = seconds(options_.lease),
                        .coordinator_version = options_.version};
  bool going = co_await sendDown(writer, std::move(welcome));
  while (going && !end_) {
    if (dirty_) {
      going = co_await sendAssignment(writer);
    } else if (!requests_.empty()) {
      going = co_await sendRequests(writer);
    } else if (loop_.now() - last_sent_ >= options_.heartbeat) {
      going = co_await sendDown(writer, wire::Ping{});
    } else {
      wake_.reset();
      loop::Timer timer = loop_.startTimer(last_sent_ + options_.heartbeat - loop_.now(), [this] { wake_.set(); });
      co_await wake_.wait();
    }
  }
  if (!end_) end_ = writer.clientGone() ? SessionEnd::kAgentLeft : SessionEnd::kTooSlow;
  co_return *end_;
}

loop::Task<bool> Session::sendAssignment(http::ResponseWriter& writer) {
  dirty_ = false;
  std::optional<wire::Assignment> assignment = assigner_.difference(node_, holding_);
  bool first = std::exchange(first_, false);
  if (!assignment && !first) co_return true;
  // The first goes out even if there is nothing in it: then the agent knows that what it has is what it should have.
  if (!assignment) assignment = wire::Assignment{.revision = assigner_.revision()};
  assignment->snapshot = first && snapshot_;
  for (wire::Assignment& part : split(std::move(*assignment))) {
    if (end_ || !co_await sendDown(writer, std::move(part))) co_return false;
  }
  co_return true;
}

loop::Task<bool> Session::sendRequests(http::ResponseWriter& writer) {
  while (!requests_.empty()) {
    wire::Request next = std::move(requests_.front());
    requests_.pop_front();
    if (!co_await sendDown(writer, std::move(next))) co_return false;
  }
  co_return true;
}

loop::Task<bool> Session::sendDown(http::ResponseWriter& writer, wire::Down message) {
  std::string bytes = wire::frame(wire::encode(message));
  Result<void> sent = co_await writer.write(bytes);
  last_sent_ = loop_.now();
  co_return sent.has_value();
}

}  // namespace towpath::agents
