#include "link/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "link/assignment_file.h"
#include "link/dialer.h"
#include "link/join.h"
#include "link/log_replies.h"
#include "link/report_queue.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "tls/authority.h"
#include "wire/frame.h"

namespace towpath::link {

namespace {

// Before the coordinator has said better.
constexpr Duration kHeartbeat = 10s;
// A session that brings nothing for this many heartbeats is dead.
constexpr int kSilentHeartbeats = 3;

// A random part of `bound`: many nodes that lose one coordinator must not come back at once.
Duration jitter(loop::Loop& loop, Duration bound) {
  auto count = static_cast<std::uint64_t>(std::max<Duration::rep>(bound.count(), 1));
  return Duration(static_cast<Duration::rep>(loop.random() % count));
}

}  // namespace

struct Link::Impl {
  Impl(loop::UvLoop& on_loop, LinkOptions with, LinkHooks hooked)
      : loop(on_loop),
        options(std::move(with)),
        hooks(std::move(hooked)),
        identity_files(options.data_dir),
        file(options.data_dir),
        dialer(loop, options.coordinator_url),
        nonce(fmt::format("{:016x}", loop.random())),
        queue(nonce),
        report_wanted(loop),
        reached(loop),
        replies(loop, dialer, hooks.open_log),
        scope(loop, "link") {}

  loop::Task<void> keepSession();
  loop::Task<Result<void>> runSession();
  Result<void> take(wire::Down down);
  void saveSoon();
  loop::Task<void> save();
  loop::Task<void> keepReporting();
  loop::Task<void> waitForReport();
  loop::Task<void> untilReached() { co_await reached.wait(); }
  loop::Task<Result<void>> sendReport();
  loop::Task<void> keepCertificate();
  loop::Task<Result<void>> renew();
  void wantReport() { report_wanted.set(); }

  loop::UvLoop& loop;
  LinkOptions options;
  LinkHooks hooks;
  IdentityFiles identity_files;
  AssignmentFile file;
  Dialer dialer;
  std::string nonce;
  Identity identity;
  ObjectSet objects;
  bool has_assignment = false;
  ReportQueue queue;
  loop::Event report_wanted;
  loop::Notify reached;  // a session has begun: reports need not wait out their delay
  Duration heartbeat = kHeartbeat;
  MonoTime lease_until{};
  LinkStatus status;
  bool save_wanted = false;
  bool saving = false;
  LogReplies replies;
  loop::Scope scope;
};

Link::Link(loop::UvLoop& loop, LinkOptions options, LinkHooks hooks)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(hooks))) {}
Link::~Link() = default;

loop::Task<Result<void>> Link::start() {
  Impl& impl = *impl_;
  Result<std::optional<ObjectSet>> kept = impl.file.load();
  if (!kept)
    log::error("the assignment on the disk cannot be read: waiting for the coordinator",
               {{"error", kept.error().message}});
  if (kept && *kept) {
    impl.objects = std::move(**kept);
    impl.has_assignment = true;
    impl.status.revision = impl.objects.revision();
    impl.hooks.assigned(impl.objects);
  }
  Result<Identity> identity = co_await joinOnce(impl.loop, impl.dialer, impl.identity_files,
                                                {.join_token = impl.options.join_token,
                                                 .node_name = impl.options.node_name,
                                                 .info = impl.options.info,
                                                 .redial_first = impl.options.redial_first,
                                                 .redial_max = impl.options.redial_max});
  if (!identity) co_return std::unexpected(identity.error());
  impl.identity = std::move(*identity);
  impl.dialer.setIdentity(impl.identity);
  impl.status.joined = true;
  impl.scope.spawn(impl.keepSession());
  impl.scope.spawn(impl.keepReporting());
  impl.scope.spawn(impl.keepCertificate());
  co_return {};
}

loop::Task<void> Link::Impl::keepSession() {
  Duration bound = options.redial_first;
  for (;;) {
    Result<void> ended = co_await runSession();
    // A session that began shows a coordinator that answers, however soon it ended: begin with short delays again.
    if (std::exchange(status.connected, false)) bound = options.redial_first;
    objects.dropPartial();
    if (!ended && ended.error().message != status.last_error) {
      log::warning("no session with the coordinator", {{"error", ended.error().message}});
      status.last_error = ended.error().message;
    }
    co_await loop::sleep(loop, jitter(loop, bound));
    bound = std::min(bound * 2, options.redial_max);
  }
}

loop::Task<Result<void>> Link::Impl::runSession() {
  wire::Hello hello{.node = options.info,
                    .assignment_revision = objects.revision(),
                    .session_nonce = nonce,
                    .node_name = identity.node_name,
                    .holds = has_assignment ? objects.holds() : std::vector<wire::HeldObject>()};
  Result<std::unique_ptr<http::ResponseStream>> stream =
      co_await dialer.open("/agent/v1/session", wire::encode(hello), heartbeat * kSilentHeartbeats);
  if (!stream) co_return std::unexpected(stream.error());
  wire::FrameReader reader;
  for (;;) {
    Result<std::optional<std::string>> bytes = co_await (*stream)->read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) co_return fail(ErrorKind::kUnavailable, "the coordinator ended the session");
    reader.feed(**bytes);
    for (;;) {
      Result<std::optional<std::string>> message = reader.next();
      if (!message) co_return std::unexpected(message.error());
      if (!*message) break;
      Result<wire::Down> down = wire::decodeDown(**message);
      if (!down) co_return std::unexpected(down.error());
      if (Result<void> taken = take(std::move(*down)); !taken) co_return taken;
    }
  }
}

Result<void> Link::Impl::take(wire::Down down) {
  if (auto* welcome = std::get_if<wire::Welcome>(&down)) {
    if (welcome->protocol < wire::kProtocolOldest || welcome->protocol > wire::kProtocol) {
      return fail(ErrorKind::kUnsupported, fmt::format("the coordinator wants protocol version {}", welcome->protocol));
    }
    log::info("connected to the coordinator", {{"version", welcome->coordinator_version}});
    if (welcome->heartbeat_seconds > 0) heartbeat = std::chrono::seconds(welcome->heartbeat_seconds);
    status.connected = true;
    status.last_error.clear();
    ++status.sessions;
    reached.notifyAll();
    wantReport();
  } else if (auto* assignment = std::get_if<wire::Assignment>(&down)) {
    if (!objects.apply(std::move(*assignment))) return {};
    has_assignment = true;
    status.revision = objects.revision();
    queue.applied(objects.revision());
    hooks.assigned(objects);
    saveSoon();
  } else if (auto* request = std::get_if<wire::Request>(&down)) {
    replies.handle(std::move(*request));
  }
  return {};
}

void Link::Impl::saveSoon() {
  save_wanted = true;
  if (saving) return;
  saving = true;
  scope.spawn(save());
}

// Beside the acting on it: a sync takes longer than what a change of weight may take. What was lost by a crash in
// between comes again.
loop::Task<void> Link::Impl::save() {
  while (save_wanted) {
    save_wanted = false;
    Result<std::string> sealed = file.seal(objects);
    Result<void> written =
        sealed ? co_await loop::offload(loop, [target = file, bytes = *sealed] { return target.write(bytes); })
               : Result<void>(std::unexpected(sealed.error()));
    if (written) continue;
    log::error("the assignment could not be written to the disk", {{"error", written.error().message}});
    save_wanted = true;
    co_await loop::sleep(loop, options.redial_max);
  }
  saving = false;
}

loop::Task<void> Link::Impl::waitForReport() {
  if (!queue.urgent()) {
    loop::Timer timer = loop.startTimer(heartbeat, [this] { report_wanted.set(); });
    co_await report_wanted.wait();
  }
  // What changes together goes up together.
  co_await loop::sleep(loop, options.report_gather);
  report_wanted.reset();
}

loop::Task<void> Link::Impl::keepReporting() {
  Duration bound = options.redial_first;
  for (;;) {
    co_await waitForReport();
    Result<void> sent = co_await sendReport();
    if (sent) {
      bound = options.redial_first;
      continue;
    }
    log::debug("a report was not taken", {{"error", sent.error().message}});
    // Cut short when a session begins: the coordinator is back then.
    Result<void> waited = co_await loop::withTimeout(loop, jitter(loop, bound), untilReached());
    static_cast<void>(waited);
    bound = std::min(bound * 2, options.redial_max);
  }
}

loop::Task<Result<void>> Link::Impl::sendReport() {
  std::string body = wire::encode(queue.take());
  MonoTime sent_at = loop.now();
  Result<std::string> answer = co_await dialer.post("/agent/v1/report", std::move(body));
  if (!answer) {
    ErrorKind kind = answer.error().kind;
    if (kind == ErrorKind::kInvalid || kind == ErrorKind::kTooLarge) {
      log::error("the coordinator refuses a report for good: it is dropped", {{"error", answer.error().message}});
      ++status.reports_dropped;
      queue.drop();
    }
    co_return std::unexpected(answer.error());
  }
  Result<wire::ReportReply> reply = wire::decodeReportReply(*answer);
  if (!reply) co_return std::unexpected(reply.error());
  // Counted from the sending: the answer may have been long on its way.
  lease_until = sent_at + std::chrono::seconds(reply->lease_seconds);
  for (const wire::PodReport& pod : queue.acknowledge()) {
    if (hooks.acknowledged) hooks.acknowledged(pod);
  }
  co_return {};
}

loop::Task<void> Link::Impl::keepCertificate() {
  for (;;) {
    if (needsRenewal(identity.certificate_pem, loop.wallNow())) {
      Result<void> renewed = co_await renew();
      if (!renewed) log::warning("the certificate could not be renewed yet", {{"error", renewed.error().message}});
    }
    co_await loop::sleep(loop, options.renew_check + jitter(loop, options.renew_check / 10));
  }
}

loop::Task<Result<void>> Link::Impl::renew() {
  Result<Identity> renewed = co_await renewIdentity(dialer, identity);
  if (!renewed) co_return std::unexpected(renewed.error());
  if (Result<void> saved = identity_files.save(*renewed); !saved) co_return saved;
  identity = std::move(*renewed);
  dialer.setIdentity(identity);
  log::info("certificate renewed");
  co_return {};
}

void Link::report(wire::PodReport pod) {
  impl_->queue.pod(std::move(pod));
  impl_->wantReport();
}

void Link::report(wire::RouteReport route) {
  impl_->queue.route(std::move(route));
  impl_->wantReport();
}

void Link::report(wire::GatewayReport gateway) {
  impl_->queue.gateway(std::move(gateway));
  impl_->wantReport();
}
void Link::report(wire::NodeEvent event) {
  impl_->queue.event(std::move(event));
  impl_->wantReport();
}

void Link::add(wire::TrafficSample sample) {
  impl_->queue.sample(std::move(sample));
  impl_->wantReport();
}

void Link::set(wire::NodeCondition condition) { impl_->queue.condition(std::move(condition)); }

bool Link::hasLease() const { return impl_->loop.now() < impl_->lease_until; }

LinkStatus Link::status() const {
  LinkStatus status = impl_->status;
  status.samples_lost = impl_->queue.samplesLost();
  return status;
}

}  // namespace towpath::link
