#include "json/patch.h"

#include <charconv>

#include "base/limits.h"
#include "json/serialize.h"

namespace towpath::json {

namespace {

using Pointer = std::vector<std::string>;

std::unexpected<Error> invalid(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

// "/a~1b/0" → {"a/b", "0"} (RFC 6901).
Result<Pointer> parsePointer(std::string_view text) {
  Pointer pointer;
  if (text.empty()) return pointer;
  if (text[0] != '/') return invalid(fmt::format("the path \"{}\" must begin with /", text));
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '/') {
      pointer.emplace_back();
    } else if (c != '~') {
      pointer.back() += c;
    } else {
      const char code = at + 1 < text.size() ? text[at + 1] : '\0';
      if (code != '0' && code != '1')
        return invalid(fmt::format("the path \"{}\" has a ~ that is neither ~0 nor ~1", text));
      pointer.back() += code == '0' ? '~' : '/';
      ++at;
    }
  }
  if (pointer.size() > limits::kJsonDepth) return invalid(fmt::format("the path \"{:.40}…\" is too deep", text));
  return pointer;
}

// A plain decimal without leading zeros, below `size`.
Result<std::size_t> parseIndex(std::string_view text, std::size_t size) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!is_number || (text.size() > 1 && text[0] == '0'))
    return invalid(fmt::format("\"{}\" is no index of a list", text));
  if (index >= size) return invalid(fmt::format("the index {} is out of range, the list has {} elements", index, size));
  return index;
}

Result<Value*> step(Value& value, const std::string& token) {
  if (Object* object = value.ifObject()) {
    if (Value* member = object->find(token)) return member;
    return invalid(fmt::format("there is no member \"{}\"", token));
  }
  if (Array* array = value.ifArray()) {
    const Result<std::size_t> index = parseIndex(token, array->size());
    if (!index) return std::unexpected(index.error());
    return &(*array)[*index];
  }
  return invalid(fmt::format("a value of type {} has no member \"{}\"", toString(value.kind()), token));
}

Result<Value*> walk(Value& root, std::span<const std::string> tokens) {
  Value* value = &root;
  for (const std::string& token : tokens) {
    Result<Value*> next = step(*value, token);
    if (!next) return next;
    value = *next;
  }
  return value;
}

Result<void> add(Value& root, const Pointer& path, Value value) {
  if (path.empty()) {
    root = std::move(value);
    return {};
  }
  const Result<Value*> parent = walk(root, std::span(path).first(path.size() - 1));
  if (!parent) return std::unexpected(parent.error());
  if (Object* object = (*parent)->ifObject()) {
    object->set(path.back(), std::move(value));
    return {};
  }
  Array* array = (*parent)->ifArray();
  if (!array) return invalid(fmt::format("a value of type {} can't take a member", toString((*parent)->kind())));
  if (path.back() == "-") {
    array->push_back(std::move(value));
    return {};
  }
  const Result<std::size_t> index = parseIndex(path.back(), array->size() + 1);
  if (!index) return std::unexpected(index.error());
  array->insert(array->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return {};
}

// Takes the value out of the tree.
Result<Value> cut(Value& root, const Pointer& path) {
  if (path.empty()) return std::exchange(root, Value());
  const Result<Value*> parent = walk(root, std::span(path).first(path.size() - 1));
  if (!parent) return std::unexpected(parent.error());
  const Result<Value*> target = step(**parent, path.back());
  if (!target) return std::unexpected(target.error());
  Value value = std::move(**target);
  if (Object* object = (*parent)->ifObject()) {
    object->erase(path.back());
  } else if (Array* array = (*parent)->ifArray()) {
    array->erase(array->begin() + (*target - array->data()));
  }
  return value;
}

// About how many bytes the value takes; copies are charged by it, since a few `copy` operations could double a document
// over and over.
std::size_t weight(const Value& value) {
  std::size_t bytes = sizeof(Value) + value.asStringView().size();
  for (const Value& element : value.asArray()) bytes += weight(element);
  for (const Object::Member& member : value.asObject()) bytes += member.key.size() + weight(member.value);
  return bytes;
}

class Patcher {
 public:
  explicit Patcher(const Value& target) : root_(target) {}

  Result<void> apply(const Value& operation);
  Value take() { return std::move(root_); }

 private:
  Result<void> replace(const Pointer& path, const Value& value);
  Result<void> copy(const Pointer& from, const Pointer& path);
  Result<void> move(const Pointer& from, const Pointer& path);
  Result<void> test(const Pointer& path, const Value& expected);

  Value root_;
  std::size_t copied_bytes_ = 0;
};

Result<Pointer> pointerMember(const Value& operation, std::string_view name) {
  const std::string* text = operation[name].ifString();
  if (!text) return invalid(fmt::format("\"{}\" is missing or no string", name));
  return parsePointer(*text);
}

Result<void> Patcher::apply(const Value& operation) {
  const std::string_view op = operation["op"].asStringView();
  const Result<Pointer> path = pointerMember(operation, "path");
  if (!path) return std::unexpected(path.error());
  const Object& members = operation.asObject();
  if (op == "add" || op == "replace" || op == "test") {
    const Value* value = members.find("value");
    if (!value) return invalid("\"value\" is missing");
    return op == "add" ? add(root_, *path, *value) : op == "replace" ? replace(*path, *value) : test(*path, *value);
  }
  if (op == "remove") {
    const Result<Value> removed = cut(root_, *path);
    return removed ? Result<void>() : std::unexpected(removed.error());
  }
  if (op == "move" || op == "copy") {
    const Result<Pointer> from = pointerMember(operation, "from");
    if (!from) return std::unexpected(from.error());
    return op == "move" ? move(*from, *path) : copy(*from, *path);
  }
  return invalid("\"op\" must be add, remove, replace, move, copy or test");
}

Result<void> Patcher::replace(const Pointer& path, const Value& value) {
  const Result<Value*> target = walk(root_, path);
  if (!target) return std::unexpected(target.error());
  **target = value;
  return {};
}

Result<void> Patcher::copy(const Pointer& from, const Pointer& path) {
  const Result<Value*> source = walk(root_, from);
  if (!source) return std::unexpected(source.error());
  copied_bytes_ += weight(**source);
  if (copied_bytes_ > limits::kBodyBytes) return fail(ErrorKind::kTooLarge, "the patch copies too much");
  return add(root_, path, Value(**source));
}

Result<void> Patcher::move(const Pointer& from, const Pointer& path) {
  if (path.size() > from.size() && std::equal(from.begin(), from.end(), path.begin())) {
    return invalid("a value can't be moved into itself");
  }
  Result<Value> value = cut(root_, from);
  if (!value) return std::unexpected(value.error());
  return add(root_, path, std::move(*value));
}

Result<void> Patcher::test(const Pointer& path, const Value& expected) {
  const Result<Value*> actual = walk(root_, path);
  if (!actual) return std::unexpected(actual.error());
  if (**actual == expected) return {};
  return invalid(fmt::format("the test failed: the value is {:.80}", serialize(**actual)));
}

}  // namespace

Value mergePatch(Value target, const Value& patch) {
  const Object* members = patch.ifObject();
  if (!members) return patch;
  Object& object = target.makeObject();
  for (const Object::Member& member : *members) {
    if (member.value.isNull()) {
      object.erase(member.key);
    } else if (!member.value.isObject()) {
      object.set(member.key, member.value);
    } else {
      Value& old = object[member.key];
      old = mergePatch(std::move(old), member.value);
    }
  }
  return target;
}

Result<Value> jsonPatch(const Value& target, const Value& operations) {
  const Array* list = operations.ifArray();
  if (!list) return invalid("a JSON patch must be a list of operations");
  if (list->size() > limits::kPatchOperations) {
    return fail(ErrorKind::kTooLarge, fmt::format("a JSON patch has at most {} operations, this one has {}",
                                                  limits::kPatchOperations, list->size()));
  }
  Patcher patcher(target);
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Value& operation = (*list)[i];
    const Result<void> applied = patcher.apply(operation);
    if (applied) continue;
    return std::unexpected(
        withContext(applied.error(), fmt::format("operation {} ({} {:.120})", i, operation["op"].asStringView("?"),
                                                 operation["path"].asStringView("?"))));
  }
  return patcher.take();
}

Value diffMerge(const Value& from, const Value& to) {
  if (!from.isObject() || !to.isObject()) return to;
  Object patch;
  for (const Object::Member& member : from.asObject()) {
    if (!to.asObject().contains(member.key)) patch.append(member.key, Value());
  }
  for (const Object::Member& member : to.asObject()) {
    const Value* old = from.asObject().find(member.key);
    if (old && *old == member.value) continue;
    patch.append(member.key, old ? diffMerge(*old, member.value) : member.value);
  }
  return patch;
}

}  // namespace towpath::json
