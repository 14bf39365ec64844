#include "json/path.h"

#include <charconv>
#include <cmath>

#include "json/path_nodes.h"
#include "json/serialize.h"

namespace towpath::json {

namespace {

using Found = std::vector<const Value*>;

constexpr std::size_t kMaxResults = 100'000;  // several ".." in one path multiply
constexpr std::size_t kMaxOutput = 16u << 20;

std::unexpected<Error> tooMuch() { return fail(ErrorKind::kTooLarge, "the JSONPath yields too many results"); }

class Evaluator {
 public:
  explicit Evaluator(MissingKeys missing) : missing_(missing) {}

  Result<Found> walk(const PathNodes& nodes, Found found);
  Result<void> print(const std::vector<PathPiece>& pieces, const Value& root, std::string& out);

 private:
  Result<Found> apply(const PathLiteral& node, const Found& found);
  Result<Found> apply(const PathField& node, const Found& found);
  Result<Found> apply(const PathSlice& node, const Found& found);
  Result<Found> apply(const PathWildcard& node, const Found& found);
  Result<Found> apply(const PathRecursive& node, const Found& found);
  Result<Found> apply(const PathUnion& node, const Found& found);
  Result<Found> apply(const PathFilter& node, const Found& found);
  Result<bool> matches(const PathFilter& node, const Value& element);

  MissingKeys missing_;
};

Result<Found> Evaluator::walk(const PathNodes& nodes, Found found) {
  for (const PathNode& node : nodes) {
    Result<Found> next = std::visit([&](const auto& kind) { return apply(kind, found); }, node.node);
    if (!next) return next;
    if (next->size() > kMaxResults) return tooMuch();
    found = std::move(*next);
  }
  return found;
}

Result<Found> Evaluator::apply(const PathLiteral& node, const Found& found) {
  // Text and numbers replace what was found; within a filter there is one such value.
  return found.empty() ? Found() : Found{&node.value};
}

Result<Found> Evaluator::apply(const PathField& node, const Found& found) {
  Found next;
  for (const Value* value : found) {
    const Object* object = value->ifObject();
    if (const Value* member = object ? object->find(node.name) : nullptr) next.push_back(member);
  }
  if (next.empty() && !found.empty() && missing_ == MissingKeys::kFail) {
    return fail(ErrorKind::kNotFound, fmt::format("{} is not found", node.name));
  }
  return next;
}

Result<Found> Evaluator::apply(const PathSlice& node, const Found& found) {
  Found next;
  for (const Value* value : found) {
    if (value->isNull()) continue;
    const Array* array = value->ifArray();
    if (!array)
      return fail(ErrorKind::kInvalid, fmt::format("a value of type {} has no index", toString(value->kind())));
    const auto size = static_cast<std::int64_t>(array->size());
    const auto resolve = [&](std::optional<std::int64_t> index, std::int64_t otherwise) {
      return !index ? otherwise : *index < 0 ? *index + size : *index;
    };
    const std::int64_t begin = resolve(node.begin, 0);
    const std::int64_t end = node.is_single ? begin + 1 : resolve(node.end, size);
    if (begin == end) continue;
    if (begin < 0 || begin >= size || end < 0 || end > size) {
      const bool is_slice_of_nothing = size == 0 && !node.is_single;
      if (is_slice_of_nothing || missing_ == MissingKeys::kAllow) continue;
      return fail(ErrorKind::kNotFound, fmt::format("array index out of bounds: index {}, length {}", begin, size));
    }
    for (std::int64_t i = begin; i < end; i += node.step) next.push_back(&(*array)[static_cast<std::size_t>(i)]);
  }
  return next;
}

void appendChildren(const Value& value, Found& next) {
  for (const Object::Member& member : value.asObject()) next.push_back(&member.value);
  for (const Value& element : value.asArray()) next.push_back(&element);
}

Result<Found> Evaluator::apply(const PathWildcard&, const Found& found) {
  Found next;
  for (const Value* value : found) appendChildren(*value, next);
  return next;
}

// Every container below and including each value, parents first.
Result<Found> Evaluator::apply(const PathRecursive& node, const Found& found) {
  Found next;
  for (const Value* value : found) {
    Found children;
    appendChildren(*value, children);
    if (children.empty()) continue;
    next.push_back(value);
    Result<Found> below = apply(node, children);
    if (!below) return below;
    next.insert(next.end(), below->begin(), below->end());
    if (next.size() > kMaxResults) return tooMuch();
  }
  return next;
}

Result<Found> Evaluator::apply(const PathUnion& node, const Found& found) {
  Found next;
  for (const PathNodes& branch : node.branches) {
    Result<Found> part = walk(branch, found);
    if (!part) return part;
    next.insert(next.end(), part->begin(), part->end());
  }
  return next;
}

Result<Found> Evaluator::apply(const PathFilter& node, const Found& found) {
  Found next;
  for (const Value* value : found) {
    const Array* array = value->ifArray();
    if (!array) {
      return fail(ErrorKind::kInvalid, fmt::format("a value of type {} can't be filtered", toString(value->kind())));
    }
    for (const Value& element : *array) {
      const Result<bool> matched = matches(node, element);
      if (!matched) return std::unexpected(matched.error());
      if (*matched) next.push_back(&element);
    }
  }
  return next;
}

// -1, 0 or 1; nullopt if there is no order between the two.
std::optional<int> compare(const Value& left, const Value& right) {
  if (left.isNumber() && right.isNumber()) {
    if (left == right) return 0;
    return left.asDouble() < right.asDouble() ? -1 : 1;
  }
  if (left.isString() && right.isString()) {
    const int order = left.ifString()->compare(*right.ifString());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  return std::nullopt;
}

Result<bool> Evaluator::matches(const PathFilter& node, const Value& element) {
  const Result<Found> lefts = walk(node.left, {&element});
  if (node.op == PathOperator::kExists) return lefts && !lefts->empty();
  if (!lefts) return lefts.error().kind == ErrorKind::kNotFound ? Result<bool>(false) : std::unexpected(lefts.error());
  const Result<Found> rights = walk(node.right, {&element});
  if (!rights)
    return rights.error().kind == ErrorKind::kNotFound ? Result<bool>(false) : std::unexpected(rights.error());
  if (lefts->empty() || rights->empty()) return false;
  if (lefts->size() > 1 || rights->size() > 1) {
    return fail(ErrorKind::kInvalid, "a filter can only compare one element at a time");
  }
  const Value& left = *lefts->front();
  const Value& right = *rights->front();
  if (node.op == PathOperator::kEqual) return left == right;
  if (node.op == PathOperator::kNotEqual) return !(left == right);
  const std::optional<int> order = compare(left, right);
  if (!order) {
    return fail(ErrorKind::kInvalid,
                fmt::format("a filter can't order {} and {}", toString(left.kind()), toString(right.kind())));
  }
  switch (node.op) {
    case PathOperator::kLess:
      return *order < 0;
    case PathOperator::kLessEqual:
      return *order <= 0;
    case PathOperator::kGreater:
      return *order > 0;
    case PathOperator::kGreaterEqual:
      return *order >= 0;
    case PathOperator::kExists:
    case PathOperator::kEqual:
    case PathOperator::kNotEqual:
      break;  // answered above
  }
  return false;
}

Result<void> Evaluator::print(const std::vector<PathPiece>& pieces, const Value& root, std::string& out) {
  for (const PathPiece& piece : pieces) {
    const Result<Found> found = walk(piece.nodes, {&root});
    if (!found) return std::unexpected(found.error());
    for (std::size_t i = 0; i < found->size(); ++i) {
      if (piece.is_range) {
        const Result<void> printed = print(piece.body, *(*found)[i], out);
        if (!printed) return printed;
        continue;
      }
      if (i > 0) out += ' ';
      out += printValue(*(*found)[i]);
      if (out.size() > kMaxOutput) return tooMuch();
    }
  }
  return {};
}

// As Go's fmt prints a float64 with %v: exponents from 21 on and below -4.
std::string printNumber(double number) {
  const double size = std::fabs(number);
  const bool is_plain = size == 0 || (size >= 1e-4 && size < 1e21);
  if (is_plain || !std::isfinite(number)) {
    std::string text;
    appendGoNumber(number, text);
    return text;
  }
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  return std::string(buffer, result.ptr);
}

}  // namespace

Path::Path(std::unique_ptr<Template> parsed) : template_(std::move(parsed)) {}
Path::~Path() = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(Path&&) noexcept = default;

Result<Path> Path::parse(std::string_view text) {
  Result<std::vector<PathPiece>> pieces = parsePathTemplate(text);
  if (!pieces) return std::unexpected(pieces.error());
  return Path(std::make_unique<Template>(std::move(*pieces)));
}

Result<std::string> Path::print(const Value& root, MissingKeys missing) const {
  std::string out;
  const Result<void> printed = Evaluator(missing).print(template_->pieces, root, out);
  if (!printed) return std::unexpected(printed.error());
  return out;
}

Result<std::vector<const Value*>> Path::find(const Value& root, MissingKeys missing) const {
  for (const PathPiece& piece : template_->pieces) {
    if (!piece.is_range && !piece.is_text) return Evaluator(missing).walk(piece.nodes, {&root});
  }
  return Found();
}

std::string printValue(const Value& value) {
  if (const std::string* text = value.ifString()) return *text;
  if (const double* number = value.ifDouble()) return printNumber(*number);
  return serialize(value);
}

}  // namespace towpath::json
