#include "store/sealer.h"

#include <fmt/format.h>
#include <mbedtls/gcm.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/file.h"

namespace towpath::store {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHeaderBytes = 1 + kNonceBytes + kTagBytes;

std::string randomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  const ssize_t got = ::getrandom(bytes.data(), count, 0);
  TOWPATH_ASSERT(got == static_cast<ssize_t>(count), "getrandom gives up to 256 bytes whole once the kernel is up");
  return bytes;
}

const unsigned char* bytesOf(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

class Gcm {
 public:
  explicit Gcm(std::string_view key) {
    mbedtls_gcm_init(&context_);
    const int code =
        mbedtls_gcm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, bytesOf(key), static_cast<unsigned>(key.size() * 8));
    TOWPATH_ASSERT(code == 0, "the key has 256 bits");
  }
  ~Gcm() { mbedtls_gcm_free(&context_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  mbedtls_gcm_context* operator&() { return &context_; }

 private:
  mbedtls_gcm_context context_;
};

}  // namespace

Result<Sealer> Sealer::open(const std::filesystem::path& key_file, MissingKey missing) {
  Result<std::string> key = readFile(key_file.string(), 4096);
  if (key && key->size() == kKeyBytes) return Sealer(std::move(*key));
  if (key) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("{} is not a key of {} bytes: restore it from a backup", key_file.string(), kKeyBytes));
  }
  if (key.error().kind != ErrorKind::kNotFound) return std::unexpected(key.error());
  if (missing == MissingKey::kRefuse) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("{} is missing, and the database has records that only it opens: restore it "
                            "from a backup",
                            key_file.string()));
  }
  std::string fresh = randomBytes(kKeyBytes);
  if (auto written = writeFileAtomically(key_file.string(), fresh, 0600); !written) {
    return std::unexpected(written.error());
  }
  return Sealer(std::move(fresh));
}

Result<std::string> Sealer::seal(std::string_view name, std::string_view plain) const {
  Gcm gcm(key_);
  const std::string nonce = randomBytes(kNonceBytes);
  std::string tag(kTagBytes, '\0');
  std::string cipher(plain.size(), '\0');
  const int code =
      mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.size(), bytesOf(nonce), nonce.size(), bytesOf(name),
                                name.size(), bytesOf(plain), bytesOf(cipher), tag.size(), bytesOf(tag));
  if (code != 0) return fail(ErrorKind::kInternal, fmt::format("sealing a private record failed (mbedTLS {})", code));
  return kVersion + nonce + tag + cipher;
}

Result<std::string> Sealer::open(std::string_view name, std::string_view sealed) const {
  const auto refuse = [&] {
    return fail(ErrorKind::kCorrupt, fmt::format("the private record \"{}\" does not open with this key file", name));
  };
  if (sealed.size() < kHeaderBytes || sealed[0] != kVersion) return refuse();
  const std::string_view nonce = sealed.substr(1, kNonceBytes);
  const std::string_view tag = sealed.substr(1 + kNonceBytes, kTagBytes);
  const std::string_view cipher = sealed.substr(kHeaderBytes);
  std::string plain(cipher.size(), '\0');
  Gcm gcm(key_);
  const int code = mbedtls_gcm_auth_decrypt(&gcm, cipher.size(), bytesOf(nonce), nonce.size(), bytesOf(name),
                                            name.size(), bytesOf(tag), tag.size(), bytesOf(cipher), bytesOf(plain));
  if (code != 0) return refuse();
  return plain;
}

}  // namespace towpath::store
