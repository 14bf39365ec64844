#pragma once
// Who this node is: its key and certificate, on disk in one file (0600) that is replaced whole, so that a key never
// stands beside the certificate of another. The join that is under way has a file of its own: an enrolment whose answer
// was lost is repeated with the same request, and the coordinator knows it again.

#include <optional>
#include <string>

#include "base/error.h"

namespace towpath::link {

struct Identity {
  std::string node_name;
  std::string node_uid;
  std::string key_pem;
  std::string certificate_pem;
  std::string ca_pem;
  bool operator==(const Identity&) const = default;
};

struct Joining {
  std::string node_name;
  std::string key_pem;
  std::string csr_pem;
};

class IdentityFiles {
 public:
  explicit IdentityFiles(std::string directory) : directory_(std::move(directory)) {}

  // nullopt: this node has not joined yet. kCorrupt: the file is damaged.
  Result<std::optional<Identity>> load() const;
  Result<void> save(const Identity& identity) const;

  Result<std::optional<Joining>> loadJoining() const;
  Result<void> saveJoining(const Joining& joining) const;
  void removeJoining() const;

 private:
  std::string directory_;
};

}  // namespace towpath::link
