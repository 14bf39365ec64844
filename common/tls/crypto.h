#pragma once
// The few primitives that our own code needs: random bytes, SHA-256, comparing secrets, sealing what lies on a disk.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath::tls {

// From the kernel; for keys and secrets.
std::string randomBytes(std::size_t count);

// Lower-case hex of raw bytes.
std::string toHex(std::string_view bytes);

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // 32 raw bytes, or 64 hex digits. Once.
  std::string finish();
  std::string finishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string sha256(std::string_view bytes);
std::string sha256Hex(std::string_view bytes);
// HMAC-SHA256 (RFC 2104): 32 raw bytes.
std::string hmacSha256(std::string_view key, std::string_view bytes);

// Takes the same time wherever they differ; different lengths are told at once.
bool equalInConstantTime(std::string_view a, std::string_view b);

inline constexpr std::size_t kSealKeyBytes = 32;
// AES-256-GCM with a random nonce before the text and the tag behind it. `context` is not in the result but must be the
// same for unsealing: the name of the record, so that two sealed records cannot be exchanged.
std::string seal(std::string_view key, std::string_view plain, std::string_view context);
// kCorrupt: another key or context, or damage.
Result<std::string> unseal(std::string_view key, std::string_view sealed, std::string_view context);

}  // namespace towpath::tls
