#pragma once
// Live copies of the objects of a kind: lists, then follows the watch, and lists again when the server has compacted
// the history.

#include <exception>
#include <functional>
#include <map>
#include <string>

#include "cli/api.h"
#include "cli/tree.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace towpath::cli {

class LiveList {
 public:
  LiveList(Api& api, const ApiResource& resource, ListQuery query)
      : api_(api), resource_(resource), query_(std::move(query)) {}

  // Runs for ever; `changed` is called after the first list and after every change. Gives up (by Failure) only on what
  // no retry can mend: no such kind, not allowed.
  loop::Task<void> follow(std::function<void()> changed);
  bool synced() const { return synced_; }
  std::vector<Value> objects() const;
  const std::map<std::string, Value>& byName() const { return objects_; }

 private:
  loop::Task<std::string> relist();
  loop::Task<void> followFrom(std::string version, const std::function<void()>& changed);

  Api& api_;
  ApiResource resource_;
  ListQuery query_;
  bool synced_ = false;
  std::map<std::string, Value> objects_;  // by "namespace/name"
};

// Several lists that are followed together.
class ListGroup {
 public:
  explicit ListGroup(Api& api) : api_(api), event_(api.loop()), scope_(api.loop(), "watch") {}

  // The list outlives the group.
  void follow(LiveList& list);
  bool synced() const;
  // Waits for a change since the last call, at most for the time given; throws what cannot be mended.
  loop::Task<void> changed(Duration at_most);

  Api& api() { return api_; }

 private:
  loop::Task<void> run(LiveList& list);

  Api& api_;
  std::vector<LiveList*> lists_;
  std::exception_ptr failure_;
  loop::Event event_;
  loop::Scope scope_;  // last: its tasks go first
};

// Objects of the list that belong to the owner with this uid.
void appendOwned(const LiveList& list, std::string_view owner_uid, std::vector<Value>& into);

// All of a kind in the namespace of the connection.
ListQuery allOf(const Api& api);

// An experiment with what of these lists belongs to it.
ExperimentWorld experimentWorld(Value experiment, const LiveList& replica_sets, const LiveList& pods,
                                const LiveList& analysis_runs);

// Prints what `draw` gives, once or, while watching, on each change until the time-out (zero: until the user ends it).
// `draw` throws when there is nothing left to draw.
loop::Task<int> drawTree(ListGroup& group, std::function<std::string()> draw, bool watch, Duration timeout);

}  // namespace towpath::cli
