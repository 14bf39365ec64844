#pragma once
// An object of the API as it is kept and passed around: its JSON text, shared and never changed, with the few metadata
// that selecting and indexing need. Reading more of it means parsing it again (some 20 µs), which is far cheaper than
// keeping trees.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::cluster {

struct OwnerRef {
  std::string api_version, kind, name, uid;
  bool controller = false;
  bool operator==(const OwnerRef&) const = default;
};

struct ObjectMeta {
  std::string ns;  // empty for cluster-scoped kinds
  std::string name;
  std::string uid;
  std::string resource_version;  // opaque outside the store; a decimal number inside
  std::int64_t generation = 0;
  bool deleting = false;  // has a deletionTimestamp
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<OwnerRef> owners;

  // The label's value, or nullptr.
  const std::string* label(std::string_view key) const;
  const OwnerRef* controllerOwner() const;
};

class StoredObject {
 public:
  // Of a whole object; its metadata is read from the value.
  explicit StoredObject(const Value& object);
  StoredObject(ObjectMeta meta, std::string json) : meta_(std::move(meta)), json_(std::move(json)) {}

  const ObjectMeta& meta() const { return meta_; }
  // The whole object, resourceVersion included.
  const std::string& json() const { return json_; }
  Value parse() const;

 private:
  ObjectMeta meta_;
  std::string json_;
};

// Shared on purpose: the store, caches and watchers hold the same immutable bytes, and none of them outlives the others
// by rule.
using ObjectRef = std::shared_ptr<const StoredObject>;

ObjectRef makeObjectRef(const Value& object);

// Reading `metadata` of a tree.
ObjectMeta readMeta(const Value& object);
std::string_view nameOf(const Value& object);
std::string_view namespaceOf(const Value& object);
std::string_view uidOf(const Value& object);
std::string_view labelOf(const Value& object, std::string_view key);       // "" if absent
std::string_view annotationOf(const Value& object, std::string_view key);  // "" if absent

}  // namespace towpath::cluster
