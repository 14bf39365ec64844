#include "tls/crypto.h"

#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <sys/random.h>

#include <cerrno>

#include "base/assert.h"

// mbedTLS 3 has these under the names without "_ret".
#if MBEDTLS_VERSION_MAJOR >= 3
#define mbedtls_sha256_starts_ret mbedtls_sha256_starts
#define mbedtls_sha256_update_ret mbedtls_sha256_update
#define mbedtls_sha256_finish_ret mbedtls_sha256_finish
#endif

namespace towpath::tls {

namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

const unsigned char* in(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* out(std::string& bytes, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(bytes.data() + at);
}

class Gcm {
 public:
  explicit Gcm(std::string_view key) {
    TOWPATH_ASSERT(key.size() == kSealKeyBytes, "sealing keys have 256 bits");
    mbedtls_gcm_init(&context_);
    int result = mbedtls_gcm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, in(key), kSealKeyBytes * 8);
    TOWPATH_ASSERT(result == 0, "AES-256 is built into mbedTLS");
  }
  ~Gcm() { mbedtls_gcm_free(&context_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  mbedtls_gcm_context* get() { return &context_; }

 private:
  mbedtls_gcm_context context_;
};

}  // namespace

std::string randomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    TOWPATH_ASSERT(got > 0 || errno == EINTR, "the kernel has random bytes");
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string toHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

struct Sha256::State {
  State() {
    mbedtls_sha256_init(&context);
    mbedtls_sha256_starts_ret(&context, 0);
  }
  ~State() { mbedtls_sha256_free(&context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  mbedtls_sha256_context context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) { mbedtls_sha256_update_ret(&state_->context, in(bytes), bytes.size()); }

std::string Sha256::finish() {
  std::string digest(kDigestBytes, '\0');
  mbedtls_sha256_finish_ret(&state_->context, out(digest));
  return digest;
}

std::string Sha256::finishHex() { return toHex(finish()); }

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256Hex(std::string_view bytes) { return toHex(sha256(bytes)); }

std::string hmacSha256(std::string_view key, std::string_view bytes) {
  std::string digest(kDigestBytes, '\0');
  const int result = mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), in(key), key.size(), in(bytes),
                                     bytes.size(), out(digest));
  TOWPATH_ASSERT(result == 0, "SHA-256 is built into mbedTLS");
  return digest;
}

bool equalInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    different |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return different == 0;
}

std::string seal(std::string_view key, std::string_view plain, std::string_view context) {
  Gcm gcm(key);
  std::string sealed = randomBytes(kNonceBytes);
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  int result = mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, plain.size(), in(sealed), kNonceBytes,
                                         in(context), context.size(), in(plain), out(sealed, kNonceBytes), kTagBytes,
                                         out(sealed, kNonceBytes + plain.size()));
  TOWPATH_ASSERT(result == 0, "lengths are right");
  return sealed;
}

Result<std::string> unseal(std::string_view key, std::string_view sealed, std::string_view context) {
  if (sealed.size() < kNonceBytes + kTagBytes) return fail(ErrorKind::kCorrupt, "sealed bytes are cut off");
  Gcm gcm(key);
  std::size_t count = sealed.size() - kNonceBytes - kTagBytes;
  std::string plain(count, '\0');
  int result = mbedtls_gcm_auth_decrypt(gcm.get(), count, in(sealed), kNonceBytes, in(context), context.size(),
                                        in(sealed.substr(kNonceBytes + count)), kTagBytes,
                                        in(sealed.substr(kNonceBytes)), out(plain));
  if (result != 0) return fail(ErrorKind::kCorrupt, "sealed bytes do not open: another key, or damage");
  return plain;
}

}  // namespace towpath::tls
