#pragma once
// ObjectSet: the assignment as this node has it now: all objects that concern it, by kind and name.

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "wire/messages.h"

namespace towpath::link {

struct ObjectKey {
  std::string resource;  // storage name
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
};

struct HeldObject {
  std::string json;
  std::uint64_t hash = 0;
};

class ObjectSet {
 public:
  std::uint64_t revision() const { return revision_; }
  const std::map<ObjectKey, HeldObject>& objects() const { return objects_; }

  // Takes in one message. True when the assignment is whole: one of several messages counts only with its last.
  bool apply(wire::Assignment assignment);
  // A session has ended in the middle of an assignment: what came of it is dropped, and sent again by the next.
  void dropPartial() { partial_.clear(); }

  std::vector<wire::HeldObject> holds() const;
  // All as one snapshot, for the disk.
  wire::Assignment snapshot() const;

  // Objects of a resource ("pods"), parsed. One that is no JSON is left out.
  std::vector<Value> parsed(std::string_view resource) const;

 private:
  void applyWhole(wire::Assignment assignment);

  std::uint64_t revision_ = 0;
  std::map<ObjectKey, HeldObject> objects_;
  std::vector<wire::Assignment> partial_;
};

}  // namespace towpath::link
