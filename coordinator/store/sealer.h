#pragma once
// Sealer: encrypts small secrets before they go into the database, so that a copy of it alone gives nothing away. The
// key is a file of random bytes beside the database; the name of a record is authenticated with it.

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

  std::string seal(std::string_view name, std::string_view plain) const;
  // kCorrupt if the bytes or the name are not what was sealed with this key.
  Result<std::string> unseal(std::string_view name, std::string_view sealed) const;

 private:
  explicit Sealer(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace towpath::store
