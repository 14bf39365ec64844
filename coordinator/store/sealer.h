#pragma once
// Sealer: encrypts small secrets before they go into the database, so that a copy of it alone gives nothing away.
// AES-256-GCM; the key is a file of 32 random bytes beside the database. The name of the record is authenticated, so
// that records cannot be exchanged for one another. Layout: version (1 byte, 1), nonce (12), tag (16), ciphertext.

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath::store {

class Sealer {
 public:
  enum class MissingKey { kMake, kRefuse };
  // With kRefuse a missing key file is kCorrupt: there are records that only it opens.
  static Result<Sealer> open(const std::filesystem::path& key_file, MissingKey missing);

  Result<std::string> seal(std::string_view name, std::string_view plain) const;
  // kCorrupt if the bytes or the name are not what was sealed with this key.
  Result<std::string> open(std::string_view name, std::string_view sealed) const;

  static constexpr std::size_t kKeyBytes = 32;

 private:
  explicit Sealer(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace towpath::store
