#include "cli/watcher.h"

#include "cli/command.h"
#include "loop/loop.h"

namespace towpath::cli {
namespace {

constexpr Duration kRetryInterval = std::chrono::seconds(1);

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

std::vector<Value> LiveList::objects() const {
  std::vector<Value> list;
  for (const auto& [key, object] : objects_) list.push_back(object);
  return list;
}

}  // namespace towpath::cli
