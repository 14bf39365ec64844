#pragma once
// Heartbeats: when each node was last heard. In memory only: after a restart every node is as if just heard, and has
// the whole grace period to say so itself.

#include <map>
#include <string>

#include "base/time.h"

namespace towpath::agents {

class Heartbeats {
 public:
  explicit Heartbeats(MonoTime started) : started_(started) {}

  void heard(const std::string& node, MonoTime now) { last_[node] = now; }
  void forget(const std::string& node) { last_.erase(node); }
  // Of a node never heard: our own start.
  MonoTime lastHeard(const std::string& node) const {
    auto found = last_.find(node);
    return found == last_.end() ? started_ : found->second;
  }

 private:
  MonoTime started_;
  std::map<std::string, MonoTime> last_;
};

}  // namespace towpath::agents
