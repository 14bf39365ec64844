#pragma once
// Hashes that others see: FNV-1a 32 bit and Kubernetes' SafeEncodeString, which together name pod templates and steps
// (reference: k8s.io/apimachinery/pkg/util/rand SafeEncodeString; hash/fnv New32a).

#include <cstdint>
#include <string>
#include <string_view>

namespace towpath {

inline constexpr std::uint32_t kFnv1a32Offset = 2166136261U;
std::uint32_t fnv1a32(std::string_view bytes, std::uint32_t state = kFnv1a32Offset);
// FNV-1a 64 bit, for tables and names of our own.
std::uint64_t fnv1a64(std::string_view bytes);

// Maps each byte of the text to the alphabet without vowels, so that no name spells a word.
std::string safeEncode(std::string_view text);
// safeEncode(decimal(hash)): the form of `rollouts-pod-template-hash`.
std::string safeEncodeHash(std::uint32_t hash);

}  // namespace towpath
