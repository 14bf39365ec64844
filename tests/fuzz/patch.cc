// Patches. The first line is the object, the second the patch, the third the object's kind.

#include "json/patch.h"

#include "fuzz.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::fuzz {
namespace {

bool hasNullMembers(const Value& value) {
  for (const auto& [key, member] : value.asObject()) {
    if (member.isNull() || hasNullMembers(member)) return true;
  }
  return false;
}

}  // namespace

void run(std::string_view input) {
  const auto [object_text, rest] = cut(input);
  const auto [patch_text, kind] = cut(rest);
  const Result<Value> object = json::parse(object_text);
  const Result<Value> patch = json::parse(patch_text);
  if (!object || !patch) return;
  const Value merged = json::mergePatch(*object, *patch);
  require(json::mergePatch(merged, *patch) == merged, "a merge patch twice is a merge patch once");
  if (!hasNullMembers(merged)) {
    const Value difference = json::diffMerge(*object, merged);
    require(json::mergePatch(*object, difference) == merged, json::serialize(difference));
  }
  const Result<Value> patched = json::jsonPatch(*object, *patch);
  require(patched || !patched.error().message.empty(), "an error says what is wrong");
  const Result<Value> strategic = json::strategicMergePatch(*object, *patch, kind);
  require(strategic || !strategic.error().message.empty(), "an error says what is wrong");
}

}  // namespace towpath::fuzz
