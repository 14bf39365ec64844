// Strategic merge patches (reference: k8s.io/apimachinery/pkg/util/strategicpatch).

#include <algorithm>
#include <tuple>

#include "json/field.h"
#include "json/patch.h"
#include "json/serialize.h"
#include "json/strategic_keys.h"

namespace towpath::json {

namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";

bool isDirective(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kDeletePrefix) || key.starts_with(kOrderPrefix);
}

bool contains(const Array& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

class Merger {
 public:
  explicit Merger(std::string_view kind) : kind_(kind) {}

  // `field` is the name of the member that holds the object, or of the list that it is an element of.
  Result<Value> mergeObject(const Object& target, const Object& patch, std::string_view field, const std::string& path);

 private:
  Result<void> mergeMember(Object& result, const Object::Member& member, std::string_view field,
                           const std::string& path);
  Result<Value> mergeList(const Array& target, const Array& patch, std::string_view key, std::string_view field,
                          const std::string& path);
  Result<void> mergeElement(Array& result, const Value& element, std::string_view key, std::string_view field,
                            const std::string& path);
  static Result<void> retain(Object& result, const Object& patch, const std::string& path);
  Result<void> order(Object& result, const Object& target, const Object::Member& directive, std::string_view field,
                     const std::string& path);

  std::string_view kind_;
};

std::unexpected<Error> invalid(const std::string& path, std::string message) {
  return fail(ErrorKind::kInvalid, std::move(message), path);
}

// Lists are merged by comparing elements pairwise; no list that people write comes near this.
constexpr std::size_t kMaxComparisons = 4'000'000;

std::unexpected<Error> tooLong(const std::string& path) {
  return fail(ErrorKind::kTooLarge, "the list is too long to be merged", path);
}

// A part of the patch that stands where the object has nothing: directives have done their work then, nulls remove
// nothing.
Value withoutDirectives(const Value& patch) {
  if (const Array* list = patch.ifArray()) {
    Array result;
    for (const Value& element : *list) {
      if (element["$patch"].asStringView() != "delete") result.push_back(withoutDirectives(element));
    }
    return result;
  }
  const Object* object = patch.ifObject();
  if (!object) return patch;
  Object result;
  for (const Object::Member& member : *object) {
    if (!isDirective(member.key) && !member.value.isNull()) result.append(member.key, withoutDirectives(member.value));
  }
  return result;
}

Result<Value> Merger::mergeObject(const Object& target, const Object& patch, std::string_view field,
                                  const std::string& path) {
  if (const Value* directive = patch.find(kPatch)) {
    const std::string_view verb = directive->asStringView();
    if (verb == "replace") return withoutDirectives(Value(patch));
    if (verb == "delete") return Value(Object());
    if (verb != "merge") return invalid(path, "$patch must be merge, replace or delete");
  }
  Object result = target;
  if (const Result<void> retained = retain(result, patch, path); !retained) return std::unexpected(retained.error());
  for (const Object::Member& member : patch) {
    if (isDirective(member.key) && !member.key.starts_with(kDeletePrefix)) continue;
    const Result<void> merged = mergeMember(result, member, field, path);
    if (!merged) return std::unexpected(merged.error());
  }
  for (const Object::Member& member : patch) {
    if (!member.key.starts_with(kOrderPrefix)) continue;
    const Result<void> ordered = order(result, target, member, field, path);
    if (!ordered) return std::unexpected(ordered.error());
  }
  return Value(std::move(result));
}

// $retainKeys lists all members that may stay; the others are cleared, as a union needs when its kind changes.
Result<void> Merger::retain(Object& result, const Object& patch, const std::string& path) {
  const Value* keep = patch.find(kRetainKeys);
  if (!keep) return {};
  const Array* names = keep->ifArray();
  if (!names) return invalid(path, "$retainKeys must be a list of names");
  for (const Object::Member& member : patch) {
    if (!isDirective(member.key) && !member.value.isNull() && !contains(*names, Value(member.key))) {
      return invalid(path, fmt::format("$retainKeys must name \"{}\", which the patch sets", member.key));
    }
  }
  std::vector<std::string> dropped;
  for (const Object::Member& member : result) {
    if (!contains(*names, Value(member.key))) dropped.push_back(member.key);
  }
  for (const std::string& name : dropped) result.erase(name);
  return {};
}

Result<void> Merger::mergeMember(Object& result, const Object::Member& member, std::string_view field,
                                 const std::string& path) {
  std::string_view name = member.key;
  if (name.starts_with(kDeletePrefix)) {
    name.remove_prefix(kDeletePrefix.size());
    Value* old = result.find(name);
    Array* list = old ? old->ifArray() : nullptr;
    if (list && list->size() * member.value.asArray().size() > kMaxComparisons) return tooLong(joinPath(path, name));
    if (list) std::erase_if(*list, [&](const Value& value) { return contains(member.value.asArray(), value); });
    return {};
  }
  if (member.value.isNull()) {
    result.erase(name);
    return {};
  }
  Value* old = result.find(name);
  if (!old || old->kind() != member.value.kind()) {
    result.set(name, withoutDirectives(member.value));
    return {};
  }
  const std::string member_path = joinPath(path, name);
  if (member.value.isObject()) {
    Result<Value> merged = mergeObject(old->asObject(), member.value.asObject(), name, member_path);
    if (!merged) return std::unexpected(merged.error());
    *old = std::move(*merged);
    return {};
  }
  const std::optional<std::string_view> key = mergeKey(kind_, field, name);
  if (!member.value.isArray() || !key) {
    *old = withoutDirectives(member.value);
    return {};
  }
  Result<Value> merged = mergeList(old->asArray(), member.value.asArray(), *key, name, member_path);
  if (!merged) return std::unexpected(merged.error());
  *old = std::move(*merged);
  return {};
}

Result<Value> Merger::mergeList(const Array& target, const Array& patch, std::string_view key, std::string_view field,
                                const std::string& path) {
  if (target.size() * patch.size() > kMaxComparisons || patch.size() * patch.size() > kMaxComparisons)
    return tooLong(path);
  const bool replaces = std::any_of(patch.begin(), patch.end(),
                                    [](const Value& element) { return element["$patch"].asStringView() == "replace"; });
  if (replaces) {
    Array result;
    for (const Value& element : patch) {
      if (!element["$patch"].isString()) result.push_back(withoutDirectives(element));
    }
    return Value(std::move(result));
  }
  Array result = target;
  for (const Value& element : patch) {
    const Result<void> merged = mergeElement(result, element, key, field, path);
    if (!merged) return std::unexpected(merged.error());
  }
  return Value(std::move(result));
}

Result<void> Merger::mergeElement(Array& result, const Value& element, std::string_view key, std::string_view field,
                                  const std::string& path) {
  if (key.empty()) {
    if (!contains(result, element)) result.push_back(element);
    return {};
  }
  const Object* object = element.ifObject();
  const Value* wanted = object ? object->find(key) : nullptr;
  if (!wanted)
    return invalid(path, fmt::format("each element of the patch needs \"{}\", by which the list is merged", key));
  const auto isWanted = [&](const Value& other) { return other[key] == *wanted; };
  const std::string_view verb = element["$patch"].asStringView();
  if (verb == "delete") {
    std::erase_if(result, isWanted);
    return {};
  }
  const auto found = std::find_if(result.begin(), result.end(), isWanted);
  if (found == result.end()) {
    result.push_back(withoutDirectives(element));
    return {};
  }
  Result<Value> merged = mergeObject(found->asObject(), *object, field, path);
  if (!merged) return std::unexpected(merged.error());
  *found = std::move(*merged);
  return {};
}

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

// An element with its places in the wanted order and in the list as it was, or kNowhere.
struct Placed {
  Value value;
  std::size_t wanted = kNowhere;
  std::size_t old = kNowhere;
};

// Merges the elements that only the server knows between those of the wanted order: each stays before the neighbours
// that it was before.
Array interleave(std::vector<Placed> named, std::vector<Placed> others) {
  std::sort(named.begin(), named.end(),
            [](const Placed& a, const Placed& b) { return std::tie(a.wanted, a.old) < std::tie(b.wanted, b.old); });
  Array merged;
  auto other = others.begin();
  for (Placed& element : named) {
    while (other != others.end() && element.old != kNowhere && other->old < element.old) {
      merged.push_back(std::move((other++)->value));
    }
    merged.push_back(std::move(element.value));
  }
  while (other != others.end()) merged.push_back(std::move((other++)->value));
  return merged;
}

// Puts the elements named by a $setElementOrder list into that order.
Result<void> Merger::order(Object& result, const Object& target, const Object::Member& directive,
                           std::string_view field, const std::string& path) {
  const std::string_view name = std::string_view(directive.key).substr(kOrderPrefix.size());
  const std::optional<std::string_view> key = mergeKey(kind_, field, name);
  Value* value = result.find(name);
  Array* list = value ? value->ifArray() : nullptr;
  if (!key || !list) return {};
  const Array* wanted = directive.value.ifArray();
  if (!wanted) return invalid(joinPath(path, name), "$setElementOrder must be a list");
  const Value* before = target.find(name);
  const Array& old = before ? before->asArray() : Value::null().asArray();
  if (list->size() * (wanted->size() + old.size()) > kMaxComparisons) return tooLong(joinPath(path, name));

  const auto identity = [&](const Value& element) -> const Value& { return key->empty() ? element : element[*key]; };
  const auto placeIn = [&](const Array& places, const Value& element) {
    const auto found = std::find_if(places.begin(), places.end(),
                                    [&](const Value& other) { return identity(other) == identity(element); });
    return found == places.end() ? kNowhere : static_cast<std::size_t>(found - places.begin());
  };
  std::vector<Placed> named;
  std::vector<Placed> others;
  for (Value& element : *list) {
    const std::size_t wanted_place = placeIn(*wanted, element);
    const std::size_t old_place = placeIn(old, element);
    (wanted_place == kNowhere ? others : named).push_back({std::move(element), wanted_place, old_place});
  }
  *list = interleave(std::move(named), std::move(others));
  return {};
}

}  // namespace

Result<Value> strategicMergePatch(const Value& target, const Value& patch, std::string_view kind) {
  if (!target.isObject() || !patch.isObject()) {
    return fail(ErrorKind::kInvalid,
                fmt::format("a strategic merge patch must be an object, this is of type {}", toString(patch.kind())));
  }
  return Merger(kind).mergeObject(target.asObject(), patch.asObject(), "", "");
}

}  // namespace towpath::json
