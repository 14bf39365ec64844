#include "base/hash.h"

namespace towpath {

std::uint32_t fnv1a32(std::string_view bytes, std::uint32_t state) {
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 16777619U;
  return state;
}

std::uint64_t fnv1a64(std::string_view bytes) {
  std::uint64_t state = 14695981039346656037ULL;
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return state;
}

std::string safeEncode(std::string_view text) {
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) encoded.push_back(kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()]);
  return encoded;
}

std::string safeEncodeHash(std::uint32_t hash) { return safeEncode(std::to_string(hash)); }

}  // namespace towpath
