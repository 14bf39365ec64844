#include "agents/log_channel.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "http/server.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::agents {

namespace {

constexpr std::size_t kPiecesWaiting = 16;
constexpr std::size_t kOpenAtOnce = 256;
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr Duration kAnswerTime = 10s;

ErrorKind kindOf(std::string_view status) {
  if (status == "404") return ErrorKind::kNotFound;
  if (status == "400") return ErrorKind::kInvalid;
  if (status == "501") return ErrorKind::kUnsupported;
  return ErrorKind::kUnavailable;
}

wire::LogRequest toWire(const cluster::ObjectMeta& pod, const apiserver::LogOptions& options) {
  return {.ns = pod.ns,
          .pod = pod.name,
          .container = options.container,
          .follow = options.follow,
          .previous = options.previous,
          .tail_lines = options.tail_lines.value_or(-1),
          .since_unix_ms = options.since_unix_ms.value_or(0),
          .limit_bytes = options.limit_bytes.value_or(0),
          .timestamps = options.timestamps};
}

}  // namespace

struct LogChannel::Transfer {
  Transfer(loop::Loop& loop, std::string of_node)
      : node(std::move(of_node)), begun(loop), pieces(loop, kPiecesWaiting) {}

  void fail(Error why) {
    if (pieces.closed()) return;
    error = std::move(why);
    begun.set();
    pieces.close();
  }

  std::string node;
  loop::Event begun;  // the answer has started, or failed
  loop::Channel<std::string> pieces;
  std::optional<Error> error;
};

// Ends the transfer when the reader goes.
class LogChannel::Stream final : public apiserver::LogStream {
 public:
  Stream(LogChannel& channel, std::string id, std::shared_ptr<Transfer> transfer)
      : channel_(channel), id_(std::move(id)), transfer_(std::move(transfer)) {}
  ~Stream() override { channel_.cancel(id_); }

  loop::Task<Result<std::optional<std::string>>> next() override {
    std::optional<std::string> piece = co_await transfer_->pieces.pop();
    if (!piece && transfer_->error) co_return std::unexpected(*transfer_->error);
    co_return piece;
  }

  loop::Event& begun() { return transfer_->begun; }
  const std::optional<Error>& error() const { return transfer_->error; }

 private:
  LogChannel& channel_;
  std::string id_;
  std::shared_ptr<Transfer> transfer_;
};

LogChannel::LogChannel(loop::Loop& loop, Ask ask) : loop_(loop), ask_(std::move(ask)) {}
LogChannel::~LogChannel() = default;

loop::Task<Result<std::unique_ptr<apiserver::LogStream>>> LogChannel::open(cluster::ObjectRef pod,
                                                                           apiserver::LogOptions options) {
  const Value tree = pod->parse();
  std::string node = tree.at({"spec", "nodeName"}).asString();
  if (node.empty()) co_return fail(ErrorKind::kUnavailable, "the pod is not bound to a node yet");
  if (transfers_.size() >= kOpenAtOnce) co_return fail(ErrorKind::kTooManyRequests, "too many logs are being read");
  // The random part keeps an answer that is late across a restart from meeting another question.
  std::string id = fmt::format("{:x}-{:016x}", ++last_id_, loop_.random());
  auto transfer = std::make_shared<Transfer>(loop_, node);
  transfers_.emplace(id, transfer);
  auto stream = std::make_unique<Stream>(*this, id, transfer);
  if (Result<void> asked = ask_(node, {.id = id, .kind = toWire(pod->meta(), options)}); !asked) {
    co_return std::unexpected(asked.error());
  }
  loop::Timer timer = loop_.startTimer(kAnswerTime, [transfer, node] {
    transfer->fail({ErrorKind::kTimeout, "node " + node + " did not answer in time", ""});
  });
  co_await stream->begun().wait();
  if (stream->error()) co_return std::unexpected(*stream->error());
  co_return stream;
}

loop::Task<Result<void>> LogChannel::take(std::string node, std::string id, http::Request& request) {
  auto found = transfers_.find(id);
  if (found == transfers_.end() || found->second->node != node) {
    co_return fail(ErrorKind::kNotFound, "nobody waits for this answer");
  }
  std::shared_ptr<Transfer> transfer = found->second;
  Result<std::string> piece = co_await request.body(kPieceBytes);
  if (!piece) {
    transfer->fail(withContext(piece.error(), "the log of node " + node + " broke off"));
    co_return std::unexpected(piece.error());
  }
  std::string_view status = request.headers.get("Towpath-Status");
  if (!status.empty() && status != "200") {
    transfer->fail({kindOf(status), std::move(*piece), ""});
    co_return {};
  }
  transfer->begun.set();
  // Waits while the reader is slow, and the agent with us.
  if (!piece->empty() && !co_await transfer->pieces.push(std::move(*piece))) {
    co_return fail(ErrorKind::kNotFound, "nobody waits for this answer any more");
  }
  if (!request.headers.contains("Towpath-More")) transfer->pieces.close();
  co_return {};
}

void LogChannel::nodeLeft(const std::string& node) {
  for (auto& [id, transfer] : transfers_) {
    if (transfer->node == node) transfer->fail({ErrorKind::kUnavailable, "node " + node + " went away", ""});
  }
}

void LogChannel::cancel(const std::string& id) {
  auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  std::shared_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  bool ended = transfer->pieces.closed();
  transfer->pieces.close();
  // Whether it arrives does not matter: the agent finds out when it writes on.
  if (!ended) static_cast<void>(ask_(transfer->node, {.id = id, .kind = wire::CancelRequest{}}));
}

}  // namespace towpath::agents
