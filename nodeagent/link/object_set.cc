#include "link/object_set.h"

#include <utility>

#include "base/log.h"
#include "json/parse.h"

namespace towpath::link {

bool ObjectSet::apply(wire::Assignment assignment) {
  bool more = assignment.more;
  partial_.push_back(std::move(assignment));
  if (more) return false;
  std::vector<wire::Assignment> parts = std::exchange(partial_, {});
  for (wire::Assignment& part : parts) applyWhole(std::move(part));
  return true;
}

void ObjectSet::applyWhole(wire::Assignment assignment) {
  if (assignment.snapshot) objects_.clear();
  revision_ = assignment.revision;
  for (wire::ObjectState& state : assignment.objects) {
    ObjectKey key{std::move(state.resource), std::move(state.ns), std::move(state.name)};
    if (state.deleted)
      objects_.erase(key);
    else
      objects_[std::move(key)] = {std::move(state.json), state.hash};
  }
}

std::vector<wire::HeldObject> ObjectSet::holds() const {
  std::vector<wire::HeldObject> holds;
  holds.reserve(objects_.size());
  for (const auto& [key, object] : objects_) holds.push_back({key.resource, key.ns, key.name, object.hash});
  return holds;
}

wire::Assignment ObjectSet::snapshot() const {
  wire::Assignment whole{.revision = revision_, .snapshot = true};
  whole.objects.reserve(objects_.size());
  for (const auto& [key, object] : objects_) {
    whole.objects.push_back(
        {.resource = key.resource, .ns = key.ns, .name = key.name, .json = object.json, .hash = object.hash});
  }
  return whole;
}

std::vector<Value> ObjectSet::parsed(std::string_view resource) const {
  std::vector<Value> values;
  for (auto it = objects_.lower_bound({std::string(resource), "", ""}); it != objects_.end(); ++it) {
    if (it->first.resource != resource) break;
    Result<Value> value = json::parse(it->second.json);
    if (value)
      values.push_back(std::move(*value));
    else
      log::error("an object of the assignment is unreadable", {{"resource", resource}, {"name", it->first.name}});
  }
  return values;
}

}  // namespace towpath::link
