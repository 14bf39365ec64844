#pragma once
// A live copy of the objects of one kind: lists, then follows the watch, and lists again when the server has compacted
// the history.

#include <functional>
#include <map>
#include <string>

#include "cli/api.h"
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

}  // namespace towpath::cli
