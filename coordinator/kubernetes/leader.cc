#include "kubernetes/leader.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "loop/timeout.h"

namespace towpath::kubernetes {
namespace {

std::int64_t seconds(Duration duration) { return std::chrono::ceil<std::chrono::seconds>(duration).count(); }

}  // namespace

Leader::Leader(loop::Loop& loop, cluster::ObjectApi& api, LeaderOptions options)
    : loop_(loop), api_(api), options_(std::move(options)) {}

// What another one wrote counts from when we saw it: clocks of other machines are not compared with ours.
void Leader::observe(const Value& lease) {
  const std::string version = lease["metadata"]["resourceVersion"].asString();
  holder_ = lease["spec"]["holderIdentity"].asString();
  if (version == observed_) return;
  observed_ = version;
  observed_at_ = loop_.now();
  observed_duration_ = std::chrono::seconds(lease["spec"]["leaseDurationSeconds"].asInt());
}

Value Leader::leaseOf(const Value& before, const std::string& holder) const {
  Value lease = before;
  const Value& spec = before["spec"];
  const std::string now = formatRfc3339Micro(loop_.wallNow());
  const bool changes_hands = spec["holderIdentity"].asStringView() != holder;
  lease["apiVersion"] = cluster::kLeases.apiVersion();
  lease["kind"] = cluster::kLeases.kind;
  lease["metadata"]["name"] = options_.name;
  lease["metadata"]["namespace"] = options_.ns;
  lease["spec"]["holderIdentity"] = holder;
  lease["spec"]["leaseDurationSeconds"] = holder.empty() ? 1 : seconds(options_.lease_duration);
  lease["spec"]["renewTime"] = now;
  if (changes_hands && !holder.empty()) {
    lease["spec"]["acquireTime"] = now;
    const std::int64_t transitions = spec["leaseTransitions"].asInt();
    lease["spec"]["leaseTransitions"] = before.isNull() ? std::int64_t{0} : transitions + 1;
  }
  return lease;
}

// Creates, takes or renews the Lease. The lead counts from when the request was sent: the server may have carried it
// out at any time after that.
loop::Task<Result<void>> Leader::tryOnce() {
  const MonoTime sent = loop_.now();
  auto found = co_await api_.get(cluster::kLeases, options_.ns, options_.name);
  if (!found && found.error().kind != ErrorKind::kNotFound) co_return std::unexpected(found.error());
  Value before;
  if (found) {
    before = (*found)->parse();
    observe(before);
    const bool free =
        holder_.empty() || holder_ == options_.identity || loop_.now() >= observed_at_ + observed_duration_;
    if (!free) co_return fail(ErrorKind::kConflict, holder_ + " leads");
  }
  Value wanted = leaseOf(before, options_.identity);
  const cluster::WriteOptions as{.urgency = cluster::Urgency::kUrgent};
  auto written = found ? co_await api_.update(cluster::kLeases, std::move(wanted), as)
                       : co_await api_.create(cluster::kLeases, std::move(wanted), as);
  if (!written) co_return std::unexpected(written.error());
  observe((*written)->parse());
  leads_until_ = sent + options_.renew_deadline;
  co_return Result<void>();
}

loop::Task<void> Leader::acquire() {
  std::string told;
  for (;;) {
    const Result<void> taken = co_await loop::withTimeout(loop_, options_.renew_deadline, tryOnce());
    if (taken && leads()) co_return;
    const std::string why = taken ? "the API server is too slow" : describe(taken.error());
    if (std::exchange(told, why) != why) log::info("waiting to lead", {{"lease", options_.name}, {"reason", why}});
    // A tenth more at most, so that those who wait do not collide for ever.
    const auto jitter = Duration(static_cast<Duration::rep>(loop_.random() % (options_.retry_period / 10).count()));
    co_await loop::sleep(loop_, options_.retry_period + jitter);
  }
}

loop::Task<Error> Leader::hold() {
  for (;;) {
    co_await loop::sleep(loop_, std::min(options_.retry_period, std::max(left(), Duration::zero())));
    if (!leads()) co_return Error{ErrorKind::kTimeout, "the lease could not be renewed in time", ""};
    const Result<void> renewed = co_await loop::withTimeout(loop_, left(), tryOnce());
    if (renewed) continue;
    // A conflict: another one leads, although we thought that we did; or a write of ours was not answered.
    if (renewed.error().kind == ErrorKind::kConflict && holder_ != options_.identity) {
      leads_until_ = MonoTime{};
      co_return renewed.error();
    }
    log::warning("lease not renewed", {{"lease", options_.name}, {"error", describe(renewed.error())}});
  }
}

loop::Task<Result<void>> Leader::release() {
  if (!leads()) co_return Result<void>();
  leads_until_ = MonoTime{};
  auto found = co_await api_.get(cluster::kLeases, options_.ns, options_.name);
  if (!found) co_return std::unexpected(found.error());
  const Value before = (*found)->parse();
  if (before["spec"]["holderIdentity"].asStringView() != options_.identity) co_return Result<void>();
  auto written = co_await api_.update(cluster::kLeases, leaseOf(before, ""), {.urgency = cluster::Urgency::kUrgent});
  if (!written) co_return std::unexpected(written.error());
  co_return Result<void>();
}

loop::Task<void> FencedApi::drained() {
  while (under_way_ > 0) co_await ended_.wait();
}

template <class T>
loop::Task<Result<T>> FencedApi::whileLeading(loop::Task<Result<T>> write) {
  const Duration left = leader_.left();
  if (closed_ || left <= Duration::zero()) {
    co_return fail(ErrorKind::kUnavailable, "not the leader: nothing is written");
  }
  struct Underway {
    FencedApi& api;
    explicit Underway(FencedApi& of) : api(of) { ++api.under_way_; }
    ~Underway() {
      --api.under_way_;
      api.ended_.notifyAll();
    }
  } underway(*this);
  co_return co_await loop::withTimeout(loop_, left, std::move(write));
}

loop::Task<Result<cluster::ObjectRef>> FencedApi::get(const cluster::Resource& resource, std::string ns,
                                                      std::string name) {
  return inner_.get(resource, std::move(ns), std::move(name));
}

loop::Task<Result<cluster::ObjectList>> FencedApi::list(const cluster::Resource& resource,
                                                        cluster::ListOptions options) {
  return inner_.list(resource, std::move(options));
}

loop::Task<Result<std::unique_ptr<cluster::Watch>>> FencedApi::watch(const cluster::Resource& resource,
                                                                     cluster::WatchOptions options) {
  return inner_.watch(resource, std::move(options));
}

loop::Task<Result<cluster::ObjectRef>> FencedApi::create(const cluster::Resource& resource, Value object,
                                                         cluster::WriteOptions options) {
  return whileLeading(inner_.create(resource, std::move(object), std::move(options)));
}

loop::Task<Result<cluster::ObjectRef>> FencedApi::update(const cluster::Resource& resource, Value object,
                                                         cluster::WriteOptions options) {
  return whileLeading(inner_.update(resource, std::move(object), std::move(options)));
}

loop::Task<Result<cluster::ObjectRef>> FencedApi::patch(const cluster::Resource& resource, std::string ns,
                                                        std::string name, cluster::PatchType type, Value patch,
                                                        cluster::WriteOptions options) {
  return whileLeading(
      inner_.patch(resource, std::move(ns), std::move(name), type, std::move(patch), std::move(options)));
}

loop::Task<Result<void>> FencedApi::remove(const cluster::Resource& resource, std::string ns, std::string name,
                                           cluster::DeleteOptions options) {
  return whileLeading(inner_.remove(resource, std::move(ns), std::move(name), std::move(options)));
}

}  // namespace towpath::kubernetes
