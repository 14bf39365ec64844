#include "kubernetes/watch_frames.h"

#include <fmt/format.h>

#include <utility>

#include "access/status.h"
#include "json/parse.h"

namespace towpath::kubernetes {

Result<void> WatchFrames::feed(std::string_view bytes) {
  text_.erase(0, taken_);
  searched_ -= taken_;
  taken_ = 0;
  text_ += bytes;
  if (text_.size() > kMostLine && text_.find('\n', searched_) == std::string::npos) {
    return fail(ErrorKind::kTooLarge, fmt::format("a watch event of more than {} bytes", kMostLine));
  }
  return {};
}

std::optional<std::string_view> WatchFrames::next() {
  for (;;) {
    const std::size_t end = text_.find('\n', searched_);
    if (end == std::string::npos) {
      searched_ = text_.size();
      return std::nullopt;
    }
    std::string_view line(text_.data() + taken_, end - taken_);
    taken_ = searched_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) return line;
  }
}

void addKind(const cluster::Resource& resource, Value& object) {
  if (object.ifObject() == nullptr || std::as_const(object)["kind"].isString()) return;
  Object whole{{"apiVersion", resource.apiVersion()}, {"kind", resource.kind}};
  for (auto& [key, value] : *object.ifObject()) {
    if (key != "apiVersion" && key != "kind") whole.append(std::move(key), std::move(value));
  }
  object = std::move(whole);
}

Result<std::optional<cluster::WatchEvent>> decodeWatchEvent(const cluster::Resource& resource, std::string_view line) {
  auto parsed = json::parse(line, {.managed_fields = json::ManagedFields::kSkipInEvent});
  if (!parsed) return fail(ErrorKind::kCorrupt, "a watch event that is no JSON: " + parsed.error().message);
  const std::string type = std::as_const(*parsed)["type"].asString();
  Value* object = parsed->ifObject() ? parsed->ifObject()->find("object") : nullptr;
  if (object == nullptr || !object->isObject()) {
    return fail(ErrorKind::kCorrupt, "a watch event without an object");
  }
  if (type == "ERROR") return std::unexpected(access::errorOfStatus(*object));
  cluster::WatchEvent event;
  if (type == "ADDED") {
    event.type = cluster::WatchEvent::Type::kAdded;
  } else if (type == "MODIFIED") {
    event.type = cluster::WatchEvent::Type::kModified;
  } else if (type == "DELETED") {
    event.type = cluster::WatchEvent::Type::kDeleted;
  } else if (type == "BOOKMARK") {
    event.type = cluster::WatchEvent::Type::kBookmark;
  } else {
    return std::optional<cluster::WatchEvent>();
  }
  const Value& metadata = std::as_const(*object)["metadata"];
  const bool named = metadata["name"].isString() || event.type == cluster::WatchEvent::Type::kBookmark;
  if (!named || !metadata["resourceVersion"].isString()) {
    return fail(ErrorKind::kCorrupt, "a watch event whose object has no name or resourceVersion");
  }
  addKind(resource, *object);
  event.object = cluster::makeObjectRef(*object);
  return event;
}

}  // namespace towpath::kubernetes
