#include "cli/watcher.h"

#include <algorithm>

#include "cli/command.h"
#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::cli {
namespace {

constexpr Duration kRetryInterval = std::chrono::seconds(1);
constexpr Duration kRedrawAtMost = std::chrono::milliseconds(200);
constexpr Duration kRedrawAtLeast = std::chrono::seconds(1);
constexpr std::string_view kClearScreen = "\033[H\033[2J\033[0;0H";

std::string keyOf(const Value& object) {
  return object["metadata"]["namespace"].asString() + "/" + object["metadata"]["name"].asString();
}

bool isFinal(ErrorKind kind) {
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kForbidden || kind == ErrorKind::kUnauthorized ||
         kind == ErrorKind::kInvalid;
}

}  // namespace

loop::Task<std::string> LiveList::relist() {
  const Value list = orFail(co_await api_.list(resource_, query_));
  objects_.clear();
  for (const Value& object : list["items"].asArray()) objects_[keyOf(object)] = object;
  synced_ = true;
  co_return list["metadata"]["resourceVersion"].asString();
}

loop::Task<void> LiveList::followFrom(std::string version, const std::function<void()>& changed) {
  while (true) {
    auto stream = co_await api_.watch(resource_, query_, version);
    if (!stream) {
      if (stream.error().kind == ErrorKind::kGone) co_return;
      throw Failure{stream.error()};
    }
    while (true) {
      auto event = co_await stream->next();
      if (!event && event.error().kind == ErrorKind::kGone) co_return;
      if (!event || !*event) break;  // broken off or ended properly: resume where we are
      const Value& object = (**event)["object"];
      version = object["metadata"]["resourceVersion"].asString(version);
      const std::string_view type = (**event)["type"].asStringView();
      if (type == "BOOKMARK") continue;
      if (type == "DELETED")
        objects_.erase(keyOf(object));
      else
        objects_[keyOf(object)] = object;
      changed();
    }
  }
}

loop::Task<void> LiveList::follow(std::function<void()> changed) {
  while (true) {
    try {
      const std::string version = co_await relist();
      changed();
      co_await followFrom(version, changed);
      continue;
    } catch (const Failure& failure) {
      if (isFinal(failure.error.kind)) throw;
    }
    co_await loop::sleep(api_.loop(), kRetryInterval);
  }
}

void ListGroup::follow(LiveList& list) {
  lists_.push_back(&list);
  scope_.spawn(run(list));
}

loop::Task<void> ListGroup::run(LiveList& list) {
  try {
    co_await list.follow([this] { event_.set(); });
  } catch (...) {
    failure_ = std::current_exception();
    event_.set();
  }
}

bool ListGroup::synced() const { return std::ranges::all_of(lists_, &LiveList::synced); }

loop::Task<void> ListGroup::changed(Duration at_most) {
  auto wait = [](loop::Event& event) -> loop::Task<void> { co_await event.wait(); };
  const auto in_time = co_await loop::withTimeout(api_.loop(), at_most, wait(event_));
  if (in_time) event_.reset();
  if (failure_) std::rethrow_exception(failure_);
}

void appendOwned(const LiveList& list, std::string_view owner_uid, std::vector<Value>& into) {
  for (const auto& [key, object] : list.byName()) {
    if (isOwnedBy(object, owner_uid)) into.push_back(object);
  }
}

ListQuery allOf(const Api& api) { return {api.ns(), "", "", Representation::kObject}; }

ExperimentWorld experimentWorld(Value experiment, const LiveList& replica_sets, const LiveList& pods,
                                const LiveList& analysis_runs) {
  ExperimentWorld world;
  world.experiment = std::move(experiment);
  const std::string_view uid = world.experiment["metadata"]["uid"].asStringView();
  appendOwned(replica_sets, uid, world.replica_sets);
  appendOwned(analysis_runs, uid, world.analysis_runs);
  for (const Value& set : world.replica_sets) appendOwned(pods, set["metadata"]["uid"].asStringView(), world.pods);
  return world;
}

loop::Task<int> drawTree(ListGroup& group, std::function<std::string()> draw, bool watch, Duration timeout) {
  loop::Loop& loop = group.api().loop();
  const MonoTime end = timeout > Duration::zero() ? loop.now() + timeout : MonoTime::max();
  while (!group.synced()) co_await group.changed(kRedrawAtLeast);
  while (true) {
    const std::string text = draw();
    print(watch ? std::string(kClearScreen) + text : text);
    if (!watch || loop.now() >= end) co_return 0;
    co_await loop::sleep(loop, kRedrawAtMost);
    co_await group.changed(std::min<Duration>(kRedrawAtLeast, end - loop.now()));
  }
}

std::vector<Value> LiveList::objects() const {
  std::vector<Value> list;
  for (const auto& [key, object] : objects_) list.push_back(object);
  return list;
}

}  // namespace towpath::cli
