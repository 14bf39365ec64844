#pragma once
// PodIndex and NodeIndex: the facts of all pods and nodes, kept up to date from their caches, so that no pass reads an
// object again that has not changed.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cache.h"
#include "edge/facts.h"

namespace towpath::edge {

class PodIndex {
 public:
  // The cache outlives it; made before any other listener of the cache, so that those find the facts up to date.
  explicit PodIndex(cluster::Cache& cache);

  // nullptr if there is none. Valid until the loop's next turn.
  const PodFacts* find(const cluster::ObjectKey& key) const;
  std::vector<const PodFacts*> ownedBy(const std::string& uid) const;
  std::vector<const PodFacts*> onNode(const std::string& node) const;
  std::vector<const PodFacts*> inNamespace(const std::string& ns) const;
  std::vector<const PodFacts*> all() const;

 private:
  using Keys = std::set<cluster::ObjectKey>;
  void change(const cluster::CacheChange& change);
  std::vector<const PodFacts*> factsOf(const std::map<std::string, Keys>& index, const std::string& value) const;

  std::map<cluster::ObjectKey, PodFacts> pods_;
  std::map<std::string, Keys> by_owner_;
  std::map<std::string, Keys> by_node_;
  cluster::Cache::Listener listener_;
};

class NodeIndex {
 public:
  explicit NodeIndex(cluster::Cache& cache);

  const NodeFacts* find(const std::string& name) const;
  std::vector<const NodeFacts*> all() const;

 private:
  std::map<std::string, NodeFacts> nodes_;
  cluster::Cache::Listener listener_;
};

}  // namespace towpath::edge
