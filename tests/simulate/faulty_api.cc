#include "simulate/faulty_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace towpath::simulate {
namespace {

constexpr Duration kWriteTime = 4ms;  // at most
constexpr Duration kSpell = 1min;     // how long calls stay slow, or watches late

class WriterScope {
 public:
  explicit WriterScope(Writer& writer) : writer_(writer), before_(std::exchange(writer, Writer::kController)) {}
  WriterScope(const WriterScope&) = delete;
  WriterScope& operator=(const WriterScope&) = delete;
  ~WriterScope() { writer_ = before_; }

 private:
  Writer& writer_;
  Writer before_;
};

}  // namespace

bool Faults::take(const Act& act, MonoTime now) {
  switch (act.kind) {
    case ActKind::kWriteConflict:
      conflicts += act.amount;
      return true;
    case ActKind::kWriteError:
      errors += act.amount;
      return true;
    case ActKind::kWriteLostReply:
      lost_replies += act.amount;
      return true;
    case ActKind::kWatchCut:
    case ActKind::kWatchGone:
      ++cuts;
      return true;
    case ActKind::kWatchRepeat:
      repeats += act.amount;
      return true;
    case ActKind::kWatchLate:
      late.at(static_cast<std::size_t>(act.amount)) = act.lasts;
      late_until = now + kSpell;
      return true;
    case ActKind::kSlowApi:
      slow = act.lasts;
      slow_until = now + kSpell;
      return true;
    default:
      return false;
  }
}

void Faults::clear() {
  Faults fresh;
  fresh.cuts = cuts;
  fresh.no_quota = no_quota;
  *this = fresh;
}

class FaultyApi::FaultyWatch final : public cluster::Watch {
 public:
  FaultyWatch(FaultyApi& api, const cluster::Resource& resource, std::unique_ptr<cluster::Watch> inner)
      : api_(api), inner_(std::move(inner)), cuts_(api.parts_.faults.cuts) {
    const auto found = std::ranges::find(kLateKinds, resource);
    if (found != kLateKinds.end()) kind_ = static_cast<std::size_t>(found - kLateKinds.begin());
  }

  loop::Task<Result<cluster::WatchEvent>> next() override {
    Faults& faults = api_.parts_.faults;
    if (last_ && faults.repeats > 0) {
      --faults.repeats;
      co_return *std::exchange(last_, std::nullopt);
    }
    auto event = co_await inner_->next();
    if (!event) co_return event;
    loop::Loop& loop = api_.parts_.loop;
    // What came during the wait is late enough already.
    const bool late = kind_ && faults.late.at(*kind_) > Duration::zero() && loop.now() < faults.late_until;
    if (late && loop.now() > waited_until_) {
      co_await loop::sleep(loop, faults.late.at(*kind_));
      waited_until_ = loop.now();
    }
    if (api_.dead_) co_await api_.never_.wait();
    // The event is lost with the connection; who resumes where it was gets it again.
    if (cuts_ != faults.cuts) co_return fail(ErrorKind::kUnavailable, "the watch broke");
    last_ = *event;
    co_return event;
  }

 private:
  FaultyApi& api_;
  std::unique_ptr<cluster::Watch> inner_;
  std::optional<std::size_t> kind_;
  std::optional<cluster::WatchEvent> last_;
  int cuts_;
  MonoTime waited_until_{};
};

void FaultyApi::die() {
  dead_ = true;
  parts_.died();
}

loop::Task<void> FaultyApi::reach() {
  if (dead_) co_await never_.wait();
  const Faults& faults = parts_.faults;
  if (faults.slow > Duration::zero() && parts_.loop.now() < faults.slow_until) {
    co_await loop::sleep(parts_.loop, faults.slow);
  }
  if (dead_) co_await never_.wait();
}

std::optional<Error> FaultyApi::refusal(const cluster::Resource& resource, const std::string& ns, std::string what) {
  parts_.log(what);
  if (resource == cluster::kEvents) return std::nullopt;
  Faults& faults = parts_.faults;
  if (resource == cluster::kReplicaSets && ns == faults.no_quota) {
    return Error{ErrorKind::kForbidden, "exceeded quota", ""};
  }
  if (faults.conflicts > 0) {
    --faults.conflicts;
    return Error{ErrorKind::kConflict, "somebody else was faster", ""};
  }
  if (faults.errors > 0) {
    --faults.errors;
    return Error{ErrorKind::kUnavailable, "the server is away", ""};
  }
  return std::nullopt;
}

template <class T>
loop::Task<Result<T>> FaultyApi::write(const cluster::Resource& resource, What what, std::function<Result<T>()> done) {
  co_await reach();
  // Long enough for others to write in between.
  co_await loop::sleep(parts_.loop, Duration(static_cast<Duration::rep>(parts_.loop.random() % kWriteTime.count())));
  if (dead_) co_await never_.wait();
  std::string line =
      fmt::format("{} {}/{}{}{}{}", what.verb, resource.plural, what.ns == "default" ? "" : what.ns + "/", what.name,
                  what.subresource.empty() ? "" : " ", what.subresource);
  if (std::optional<Error> refused = refusal(resource, what.ns, std::move(line))) co_return std::unexpected(*refused);
  const bool counts = !(resource == cluster::kEvents);
  if (counts) ++writes_;
  const bool last = counts && dies_at_ > 0 && --dies_at_ == 0;
  if (last && !dies_after_) {
    die();
    co_await never_.wait();
  }
  Result<T> answer = [&] {
    const WriterScope scope(parts_.writer);
    return done();
  }();
  if (last) {
    die();
    co_await never_.wait();
  }
  if (counts && parts_.faults.lost_replies > 0) {
    --parts_.faults.lost_replies;
    co_return fail(ErrorKind::kTimeout, "no answer came");
  }
  co_return answer;
}

loop::Task<FaultyApi::Object> FaultyApi::get(const cluster::Resource& resource, std::string ns, std::string name) {
  co_await reach();
  co_return parts_.cluster.getNow(resource, ns, name);
}

loop::Task<Result<cluster::ObjectList>> FaultyApi::list(const cluster::Resource& resource,
                                                        cluster::ListOptions options) {
  co_await reach();
  co_return co_await parts_.cluster.list(resource, std::move(options));
}

loop::Task<Result<std::unique_ptr<cluster::Watch>>> FaultyApi::watch(const cluster::Resource& resource,
                                                                     cluster::WatchOptions options) {
  co_await reach();
  auto made = co_await parts_.cluster.watch(resource, std::move(options));
  if (!made) co_return made;
  co_return std::make_unique<FaultyWatch>(*this, resource, std::move(*made));
}

loop::Task<FaultyApi::Object> FaultyApi::create(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options) {
  What what{"create", std::string(cluster::namespaceOf(object)), std::string(cluster::nameOf(object)), ""};
  co_return co_await write<cluster::ObjectRef>(
      resource, std::move(what), [&] { return parts_.cluster.createNow(resource, std::move(object), options); });
}

loop::Task<FaultyApi::Object> FaultyApi::update(const cluster::Resource& resource, Value object,
                                                cluster::WriteOptions options) {
  What what{"update", std::string(cluster::namespaceOf(object)), std::string(cluster::nameOf(object)),
            options.subresource};
  co_return co_await write<cluster::ObjectRef>(
      resource, std::move(what), [&] { return parts_.cluster.updateNow(resource, std::move(object), options); });
}

loop::Task<FaultyApi::Object> FaultyApi::patch(const cluster::Resource& resource, std::string ns, std::string name,
                                               cluster::PatchType type, Value patch, cluster::WriteOptions options) {
  What what{"patch", ns, name, options.subresource};
  co_return co_await write<cluster::ObjectRef>(
      resource, std::move(what), [&] { return parts_.cluster.patchNow(resource, ns, name, type, patch, options); });
}

loop::Task<Result<void>> FaultyApi::remove(const cluster::Resource& resource, std::string ns, std::string name,
                                           cluster::DeleteOptions options) {
  What what{"remove", ns, name, ""};
  co_return co_await write<void>(resource, std::move(what),
                                 [&] { return parts_.cluster.removeNow(resource, ns, name, options); });
}

}  // namespace towpath::simulate
