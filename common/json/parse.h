#pragma once
// JSON text → Value (RFC 8259, UTF-8 checked). Integers that fit 64 bits stay integers, all other numbers become
// doubles, read exactly. A number beyond the range of a double is an error, since no JSON could give it back.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/value.h"

namespace towpath::json {

enum class ManagedFields { kKeep, kSkip, kSkipInEvent };

struct ParseOptions {
  // A member given twice: the last one wins, at the place of the first. If this is set, the paths of such members
  // ("spec.replicas", "spec.steps[2].setWeight") are appended to it, at most kMaxDuplicates, for
  // fieldValidation=Strict.
  std::vector<std::string>* duplicates = nullptr;
  // kSkip leaves metadata.managedFields out, of the object itself and of each entry of a list's `items`: it is often
  // half of the bytes, and nothing of ours reads it. kSkipInEvent: the same of the `object` of a watch event.
  ManagedFields managed_fields = ManagedFields::kKeep;
  std::size_t max_depth = limits::kJsonDepth;
  std::size_t max_members = limits::kJsonMembers;
};

inline constexpr std::size_t kMaxDuplicates = 50;

// kInvalid ("line 3, column 7 (byte 41): …") or, over a limit, kTooLarge.
Result<Value> parse(std::string_view text, const ParseOptions& options = {});

// Every integer as a double: as Go's encoding/json reads numbers into what has no type.
Value withDoubles(Value value);

}  // namespace towpath::json
