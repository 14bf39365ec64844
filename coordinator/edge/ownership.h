#pragma once
// Ownership: who owns whom, over all resources of the store, kept up to date by its watches. What the garbage collector
// asks.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/kinds.h"
#include "store/store.h"

namespace towpath::edge {

class Ownership {
 public:
  // Called when something may have to be collected: the object with this key, or the owner with this uid, needs a look.
  struct Hooks {
    std::function<void(const store::Key&)> look_at;
  };
  // The store outlives it. `ignored` resources neither own nor are owned (events).
  Ownership(store::Store& store, std::set<std::string> ignored, Hooks hooks);

  // Follows resources that have objects by now and were not followed yet. Cheap when there are none.
  Result<void> followNew();

  bool exists(const std::string& uid) const { return keys_.contains(uid); }
  const store::Key* keyOf(const std::string& uid) const;
  // Objects that name the uid as an owner.
  std::vector<store::Key> dependentsOf(const std::string& uid) const;

 private:
  void put(const std::string& resource, const cluster::ObjectRef& object);
  void erase(const std::string& resource, const cluster::ObjectRef& object);
  void unlinkOwners(const store::Key& key, const cluster::ObjectRef& object);
  void changed(const std::string& resource, const store::Change& change);

  store::Store& store_;
  std::set<std::string> ignored_;
  Hooks hooks_;
  std::unordered_map<std::string, store::Key> keys_;                  // by uid
  std::unordered_map<std::string, std::set<store::Key>> dependents_;  // by the owner's uid
  std::map<std::string, std::unique_ptr<store::Subscription>> followed_;
};

// The resource as ObjectApi wants it, from an object and the name under which it is stored.
cluster::Resource resourceOf(const store::Key& key, const Value& object);

}  // namespace towpath::edge
