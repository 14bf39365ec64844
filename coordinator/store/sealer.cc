#include "store/sealer.h"

#include <fmt/format.h>

#include "base/file.h"
#include "tls/crypto.h"

namespace towpath::store {

Result<Sealer> Sealer::open(const std::filesystem::path& key_file, MissingKey missing) {
  Result<std::string> key = readFile(key_file.string(), 4096);
  if (key && key->size() == tls::kSealKeyBytes) return Sealer(std::move(*key));
  if (key) {
    return fail(ErrorKind::kCorrupt, fmt::format("{} is not a key of {} bytes: restore it from a backup",
                                                 key_file.string(), tls::kSealKeyBytes));
  }
  if (key.error().kind != ErrorKind::kNotFound) return std::unexpected(key.error());
  if (missing == MissingKey::kRefuse) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("{} is missing, and the database has records that only it opens: restore it "
                            "from a backup",
                            key_file.string()));
  }
  std::string fresh = tls::randomBytes(tls::kSealKeyBytes);
  if (auto written = writeFileAtomically(key_file.string(), fresh, 0600); !written) {
    return std::unexpected(written.error());
  }
  return Sealer(std::move(fresh));
}

std::string Sealer::seal(std::string_view name, std::string_view plain) const { return tls::seal(key_, plain, name); }

Result<std::string> Sealer::unseal(std::string_view name, std::string_view sealed) const {
  Result<std::string> plain = tls::unseal(key_, sealed, name);
  if (plain) return plain;
  return fail(ErrorKind::kCorrupt, fmt::format("the private record \"{}\" does not open with this key file", name));
}

}  // namespace towpath::store
