#pragma once
// EventRecorder: Events of the API, written beside the work that they tell of. The same event again raises its count;
// many that differ only in their text are combined; an object that floods is cut (limits below, as client-go's
// correlator has them). Events are lost rather than waited for.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "cluster/object_api.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::cluster {

enum class EventType { kNormal, kWarning };

// The object that an event is about.
struct EventSubject {
  std::string api_version, kind, ns, name, uid, resource_version;
};
EventSubject subjectOf(const Resource& resource, const ObjectMeta& meta);

class EventRecorder {
 public:
  static constexpr std::size_t kQueue = 4000;        // unwritten events; more are dropped
  static constexpr int kBurst = 25;                  // per object, refilled by one each kRefill
  static constexpr Duration kRefill = 5min;          //
  static constexpr int kSimilar = 10;                // events of one reason within kSimilarWindow before they combine
  static constexpr Duration kSimilarWindow = 10min;  //
  static constexpr std::size_t kRemembered = 4096;   // events that can be counted on

  // `component` is source.component and reportingComponent: "rollouts-controller".
  EventRecorder(loop::Loop& loop, ObjectApi& api, std::string component);
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // Returns at once.
  void record(const EventSubject& subject, EventType type, const std::string& reason, const std::string& message);
  // Told of each that is recorded, also of those that are dropped then; it must not block or throw.
  using Observer = std::function<void(const EventSubject&, EventType, const std::string& reason)>;
  void onRecord(Observer observer) { observer_ = std::move(observer); }
  // All that was recorded is written or given up.
  loop::Task<void> drained();
  std::uint64_t dropped() const { return dropped_; }

 private:
  using SeriesKey = std::tuple<std::string, std::string, int, std::string, std::string>;
  struct Series {
    std::string event_name;  // of the Event that counts; empty until written
    std::string first_time;
    int count = 0;
    MonoTime last;
  };
  struct Bucket {
    double tokens = kBurst;
    MonoTime filled;
  };
  struct Similar {
    int count = 0;
    MonoTime since;
  };
  struct Pending {
    EventSubject subject;
    EventType type;
    std::string reason, message;
    WallTime at;
  };

  bool admit(const EventSubject& subject, MonoTime now);
  std::string combined(const EventSubject& subject, EventType type, const std::string& reason,
                       const std::string& message, MonoTime now);
  void forgetOld();
  loop::Task<void> run();
  loop::Task<void> write(Pending pending);

  loop::Loop& loop_;
  ObjectApi& api_;
  std::string component_;
  Observer observer_;
  std::map<SeriesKey, Series> series_;
  std::map<std::string, Bucket> buckets_;  // by the object's kind, namespace and name
  std::map<SeriesKey, Similar> similar_;
  std::uint64_t dropped_ = 0;
  std::uint64_t next_ = 0;
  std::size_t unwritten_ = 0;
  loop::Channel<Pending> pending_;
  loop::Notify written_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::cluster
