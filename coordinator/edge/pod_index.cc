#include "edge/pod_index.h"

namespace towpath::edge {
namespace {

void unlink(std::map<std::string, std::set<cluster::ObjectKey>>& index, const std::string& value,
            const cluster::ObjectKey& key) {
  const auto found = index.find(value);
  if (found == index.end()) return;
  found->second.erase(key);
  if (found->second.empty()) index.erase(found);
}

}  // namespace

PodIndex::PodIndex(cluster::Cache& cache)
    : listener_(cache.listen([this](const cluster::CacheChange& one) { change(one); })) {}

void PodIndex::change(const cluster::CacheChange& change) {
  const cluster::ObjectKey key = change.key();
  if (const auto old = pods_.find(key); old != pods_.end()) {
    unlink(by_owner_, old->second.owner_uid, key);
    unlink(by_node_, old->second.node, key);
    if (!change.after) pods_.erase(old);
  }
  if (!change.after) return;
  PodFacts& facts = pods_[key] = readPod(change.after);
  if (!facts.owner_uid.empty()) by_owner_[facts.owner_uid].insert(key);
  if (!facts.node.empty()) by_node_[facts.node].insert(key);
}

const PodFacts* PodIndex::find(const cluster::ObjectKey& key) const {
  const auto found = pods_.find(key);
  return found == pods_.end() ? nullptr : &found->second;
}

std::vector<const PodFacts*> PodIndex::factsOf(const std::map<std::string, Keys>& index,
                                               const std::string& value) const {
  std::vector<const PodFacts*> facts;
  const auto keys = index.find(value);
  if (keys == index.end()) return facts;
  for (const cluster::ObjectKey& key : keys->second) facts.push_back(&pods_.at(key));
  return facts;
}

std::vector<const PodFacts*> PodIndex::ownedBy(const std::string& uid) const { return factsOf(by_owner_, uid); }
std::vector<const PodFacts*> PodIndex::onNode(const std::string& node) const { return factsOf(by_node_, node); }

std::vector<const PodFacts*> PodIndex::inNamespace(const std::string& ns) const {
  std::vector<const PodFacts*> facts;
  for (auto at = pods_.lower_bound({ns, ""}); at != pods_.end() && at->first.ns == ns; ++at)
    facts.push_back(&at->second);
  return facts;
}

std::vector<const PodFacts*> PodIndex::all() const {
  std::vector<const PodFacts*> facts;
  for (const auto& [key, pod] : pods_) facts.push_back(&pod);
  return facts;
}

NodeIndex::NodeIndex(cluster::Cache& cache)
    : listener_(cache.listen([this](const cluster::CacheChange& change) {
        if (change.after) {
          nodes_[change.meta().name] = readNode(change.after);
        } else {
          nodes_.erase(change.meta().name);
        }
      })) {}

const NodeFacts* NodeIndex::find(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<const NodeFacts*> NodeIndex::all() const {
  std::vector<const NodeFacts*> facts;
  for (const auto& [name, node] : nodes_) facts.push_back(&node);
  return facts;
}

}  // namespace towpath::edge
