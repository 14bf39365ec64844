#pragma once
// AssignmentFile: the assignment on disk, from which a node goes on without its coordinator. Sealed with a key of the
// node (AES-256-GCM, which also shows any damage) since it holds Secrets; replaced whole, so that a power cut leaves
// the old or the new one.

#include <optional>
#include <string>

#include "base/error.h"
#include "link/object_set.h"

namespace towpath::link {

class AssignmentFile {
 public:
  // `directory` holds assignment.sealed and node.seal, the key, which is made at first use.
  explicit AssignmentFile(std::string directory) : directory_(std::move(directory)) {}

  // nullopt: none yet. kCorrupt: it cannot be opened; a node then waits for its coordinator and touches nothing
  // meanwhile.
  Result<std::optional<ObjectSet>> load() const;
  // The bytes to write; made on the loop, cheap. Writing them may then happen on any thread.
  Result<std::string> seal(const ObjectSet& objects) const;
  Result<void> write(const std::string& sealed) const;

 private:
  Result<std::string> key() const;
  std::string directory_;
};

}  // namespace towpath::link
