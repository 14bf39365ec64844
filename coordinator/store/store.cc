#include "store/store.h"

#include <charconv>

namespace towpath::store {

Precondition Precondition::of(const cluster::StoredObject& object) {
  const std::string& text = object.meta().resource_version;
  Revision revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return at(revision);
}

Transaction& Transaction::put(Key key, Value object, Precondition precondition) {
  operations_.push_back({std::move(key), std::move(object), precondition});
  return *this;
}

Transaction& Transaction::erase(Key key, Precondition precondition) {
  operations_.push_back({std::move(key), std::nullopt, precondition});
  return *this;
}

Transaction& Transaction::check(Key key, Precondition precondition) {
  checks_.emplace_back(std::move(key), precondition);
  return *this;
}

}  // namespace towpath::store
