#include "cluster/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace towpath::cluster {
namespace {

std::string objectId(const EventSubject& subject) { return subject.kind + "/" + subject.ns + "/" + subject.name; }

const char* text(EventType type) { return type == EventType::kNormal ? "Normal" : "Warning"; }

Value reference(const EventSubject& subject) {
  Object object;
  object.set("apiVersion", subject.api_version);
  object.set("kind", subject.kind);
  object.set("name", subject.name);
  if (!subject.ns.empty()) object.set("namespace", subject.ns);
  if (!subject.uid.empty()) object.set("uid", subject.uid);
  if (!subject.resource_version.empty()) object.set("resourceVersion", subject.resource_version);
  return object;
}

}  // namespace

EventSubject subjectOf(const Resource& resource, const ObjectMeta& meta) {
  return {resource.apiVersion(), resource.kind, meta.ns, meta.name, meta.uid, meta.resource_version};
}

EventRecorder::EventRecorder(loop::Loop& loop, ObjectApi& api, std::string component)
    : loop_(loop),
      api_(api),
      component_(std::move(component)),
      pending_(loop, kQueue),
      written_(loop),
      scope_(loop, "events of " + component_) {
  scope_.spawn(run());
}

void EventRecorder::record(const EventSubject& subject, EventType type, const std::string& reason,
                           const std::string& message) {
  if (observer_) observer_(subject, type, reason);
  const MonoTime now = loop_.now();
  if (!admit(subject, now)) {
    ++dropped_;
    return;
  }
  const std::string shown = combined(subject, type, reason, message, now);
  if (!pending_.tryPush(Pending{subject, type, reason, shown, loop_.steadyNow()})) {
    ++dropped_;
    return;
  }
  ++unwritten_;
}

loop::Task<void> EventRecorder::drained() {
  while (unwritten_ > 0) co_await written_.wait();
}

// A bucket of kBurst tokens for each object, refilled by one each kRefill.
bool EventRecorder::admit(const EventSubject& subject, MonoTime now) {
  const auto [place, fresh] = buckets_.try_emplace(objectId(subject));
  Bucket& bucket = place->second;
  if (fresh) bucket.filled = now;
  const double refill = static_cast<double>((now - bucket.filled).count()) / static_cast<double>(kRefill.count());
  bucket.tokens = std::min<double>(kBurst, bucket.tokens + refill);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::string EventRecorder::combined(const EventSubject& subject, EventType type, const std::string& reason,
                                    const std::string& message, MonoTime now) {
  const SeriesKey same{objectId(subject), subject.uid, static_cast<int>(type), reason, message};
  if (series_.contains(same)) return message;
  Similar& similar = similar_[{objectId(subject), subject.uid, static_cast<int>(type), reason, ""}];
  if (similar.count == 0 || now - similar.since > kSimilarWindow) similar = {0, now};
  if (++similar.count <= kSimilar) return message;
  return "(combined from similar events): " + reason;
}

void EventRecorder::forgetOld() {
  if (series_.size() <= kRemembered && similar_.size() <= kRemembered && buckets_.size() <= kRemembered) return;
  series_.clear();
  similar_.clear();
  buckets_.clear();
}

loop::Task<void> EventRecorder::run() {
  while (std::optional<Pending> pending = co_await pending_.pop()) {
    co_await write(std::move(*pending));
    --unwritten_;
    written_.notifyAll();
    forgetOld();
  }
}

loop::Task<void> EventRecorder::write(Pending pending) {
  const std::string ns = pending.subject.ns.empty() ? "default" : pending.subject.ns;
  Series& series = series_[{objectId(pending.subject), pending.subject.uid, static_cast<int>(pending.type),
                            pending.reason, pending.message}];
  const std::string at = formatRfc3339(pending.at);
  if (!series.event_name.empty()) {
    Value patch;
    patch["count"] = series.count + 1;
    patch["lastTimestamp"] = at;
    const Result<ObjectRef> counted = co_await api_.patch(kEvents, ns, series.event_name, PatchType::kMerge,
                                                          std::move(patch), {.urgency = Urgency::kIdle});
    if (counted) {
      ++series.count;
      co_return;
    }
    // It may have expired: a new one is written instead.
    if (counted.error().kind != ErrorKind::kNotFound) co_return;
  }
  const auto nanos = static_cast<std::uint64_t>(pending.at.time_since_epoch().count());
  Value event;
  event["apiVersion"] = "v1";
  event["kind"] = "Event";
  event["metadata"]["name"] = fmt::format("{}.{:x}", pending.subject.name, nanos + next_++);
  event["metadata"]["namespace"] = ns;
  event["involvedObject"] = reference(pending.subject);
  event["type"] = text(pending.type);
  event["reason"] = pending.reason;
  event["message"] = pending.message;
  event["source"]["component"] = component_;
  event["reportingComponent"] = component_;
  event["reportingInstance"] = component_;
  event["firstTimestamp"] = at;
  event["lastTimestamp"] = at;
  event["count"] = 1;
  const Result<ObjectRef> created = co_await api_.create(kEvents, std::move(event), {.urgency = Urgency::kIdle});
  if (created) {
    series.event_name = (*created)->meta().name;
    series.count = 1;
  } else {
    ++dropped_;
    log::debug("event not written", {{"reason", pending.reason}, {"error", describe(created.error())}});
  }
}

}  // namespace towpath::cluster
