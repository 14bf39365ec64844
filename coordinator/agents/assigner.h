#pragma once
// Assigner: which objects each node is to have. It follows the store, keeps of each object what decides where it goes,
// and answers "what should this node have now", from which a session sends the difference to what the node holds. The
// rule of what concerns a node is in docs/protocol.md.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agents/projection.h"
#include "base/error.h"
#include "store/store.h"
#include "wire/messages.h"

namespace towpath::agents {

class Assigner {
 public:
  // Called on the loop when what a node should have may have changed; an empty name stands for all nodes. It must not
  // call back.
  using Dirty = std::function<void(const std::string& node)>;

  // The store outlives it.
  Assigner(store::Store& store, Dirty dirty);
  Assigner(const Assigner&) = delete;
  Assigner& operator=(const Assigner&) = delete;

  // Reads what is there and follows it from then on.
  Result<void> start();

  // What a node holds: the hash of each object as it was sent.
  using Holding = std::map<store::Key, std::uint64_t>;
  // What differs between what the node should have and what it holds; `holding` is brought up to date as if it had been
  // sent. nullopt: nothing.
  std::optional<wire::Assignment> difference(const std::string& node, Holding& holding);

  // Of the store's state that the assignments come from; at least 1.
  std::uint64_t revision() const;

  // Hands back the memory of texts that were made for sending; they are made again when asked for.
  void dropTexts();

 private:
  struct Entry {
    cluster::ObjectRef object;
    Placement placement;
    std::uint64_t hash = 0;  // 0: not computed yet (objects that no node may ever need)
    std::string text;        // projection; empty: not computed, or dropped
  };
  using Entries = std::map<store::Key, Entry>;
  using Item = Entries::value_type;

  Result<void> follow(const std::string& resource);
  void changed(const std::string& resource, const store::Change& change);
  void put(const std::string& resource, const cluster::ObjectRef& object);
  void erase(const std::string& resource, const cluster::ObjectRef& object);
  void tell(const store::Key& key, const Placement& placement);
  void tellUsers(const store::Key& key);
  void indexPlacement(const store::Key& key, const Placement& placement);
  void unindexPlacement(const store::Key& key, const Placement& placement);

  std::set<store::Key> wanted(const std::string& node) const;
  void addPods(const std::string& node, std::set<store::Key>& wanted, std::set<std::string>& namespaces) const;
  void addRoutes(const std::string& node, std::set<store::Key>& wanted, const std::set<std::string>& namespaces) const;
  void addServices(std::set<store::Key>& wanted, const std::set<std::string>& namespaces) const;
  bool selects(const std::string& selector, const std::string& node) const;
  const std::string& textOf(Entry& entry);
  std::uint64_t hashOfEntry(Entry& entry);

  store::Store& store_;
  Dirty dirty_;
  Entries entries_;
  std::map<std::string, std::set<store::Key>> pods_by_node_;
  std::map<std::pair<std::string, std::string>, std::set<store::Key>> slices_by_service_;  // (namespace, service)
  std::vector<Item*> with_text_;
  std::vector<std::unique_ptr<store::Subscription>> subscriptions_;
};

}  // namespace towpath::agents
