#include "cluster/object.h"

#include "base/assert.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::cluster {
namespace {

OwnerRef readOwner(const Value& owner) {
  return {owner["apiVersion"].asString(), owner["kind"].asString(), owner["name"].asString(), owner["uid"].asString(),
          owner["controller"].asBool()};
}

}  // namespace

const std::string* ObjectMeta::label(std::string_view key) const {
  for (const auto& [label_name, value] : labels) {
    if (label_name == key) return &value;
  }
  return nullptr;
}

const OwnerRef* ObjectMeta::controllerOwner() const {
  for (const OwnerRef& owner : owners) {
    if (owner.controller) return &owner;
  }
  return nullptr;
}

StoredObject::StoredObject(const Value& object) : meta_(readMeta(object)), json_(json::serialize(object)) {}

Value StoredObject::parse() const {
  Result<Value> value = json::parse(json_);
  TOWPATH_ASSERT(value.has_value(), "a stored object's text was written by serialize() or parsed before it was kept");
  return std::move(*value);
}

ObjectRef makeObjectRef(const Value& object) { return std::make_shared<const StoredObject>(object); }

ObjectMeta readMeta(const Value& object) {
  const Value& metadata = object["metadata"];
  ObjectMeta meta;
  meta.ns = metadata["namespace"].asString();
  meta.name = metadata["name"].asString();
  meta.uid = metadata["uid"].asString();
  meta.resource_version = metadata["resourceVersion"].asString();
  meta.generation = metadata["generation"].asInt();
  meta.deleting = !metadata["deletionTimestamp"].isNull();
  meta.labels.reserve(metadata["labels"].asObject().size());
  for (const auto& [key, value] : metadata["labels"].asObject()) meta.labels.emplace_back(key, value.asString());
  for (const Value& owner : metadata["ownerReferences"].asArray()) meta.owners.push_back(readOwner(owner));
  return meta;
}

std::string_view nameOf(const Value& object) { return object["metadata"]["name"].asStringView(); }
std::string_view namespaceOf(const Value& object) { return object["metadata"]["namespace"].asStringView(); }
std::string_view uidOf(const Value& object) { return object["metadata"]["uid"].asStringView(); }
std::string_view labelOf(const Value& object, std::string_view key) {
  return object["metadata"]["labels"][key].asStringView();
}
std::string_view annotationOf(const Value& object, std::string_view key) {
  return object["metadata"]["annotations"][key].asStringView();
}

}  // namespace towpath::cluster
