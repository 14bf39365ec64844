#include "api/template_hash.h"

#include "api/go_fields.h"
#include "base/hash.h"

namespace towpath::api {

std::string canonicalTemplate(const Value& template_value) {
  std::string text;
  appendAsGo(template_value, "PodTemplateSpec", text);
  return text;
}

std::string canonicalSteps(const Value& steps) {
  std::string text;
  appendAsGo(steps, "[]CanaryStep", text);
  return text;
}

std::string podTemplateHash(const Value& template_value, std::optional<std::int32_t> collision_count) {
  std::uint32_t state = fnv1a32(canonicalTemplate(template_value));
  if (collision_count) {
    // The peer puts a uint32 into the first half of an 8-byte buffer and hashes all of it.
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[i] = static_cast<char>(static_cast<std::uint32_t>(*collision_count) >> (8 * i) & 0xFFU);
    }
    state = fnv1a32(bytes, state);
  }
  return safeEncodeHash(state);
}

std::string stepHash(const Value& steps) { return safeEncodeHash(fnv1a32(canonicalSteps(steps))); }

}  // namespace towpath::api
