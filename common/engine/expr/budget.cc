#include "engine/expr/budget.h"

#include <algorithm>

#include "engine/expr/expr.h"

namespace towpath::expr {
namespace {

struct Measure {
  std::size_t units = 0;
  int depth = 0;
};

// Stops where it is deep enough to be refused.
void measure(const Value& value, int depth, Measure& out) {
  out.units += 1;
  out.depth = std::max(out.depth, depth);
  if (depth > kMaxValueDepth) return;
  if (const std::string* text = value.ifString()) out.units += textUnits(text->size());
  for (const Value& element : value.asArray()) measure(element, depth + 1, out);
  for (const Object::Member& member : value.asObject()) {
    out.units += textUnits(member.key.size());
    measure(member.value, depth + 1, out);
  }
}

std::unexpected<Error> outOfMemory() {
  return fail(ErrorKind::kTooLarge,
              fmt::format("memory budget exceeded ({} units): look at fewer elements, with filter or take", kMaxUnits));
}

}  // namespace

Result<void> Budget::work(std::size_t steps) {
  steps_ += std::min<std::size_t>(steps, kMaxSteps + 1);
  if (steps_ <= kMaxSteps) return {};
  return fail(
      ErrorKind::kTooLarge,
      fmt::format("the expression takes too many steps (more than {}): look at fewer elements, with take", kMaxSteps));
}

Result<void> Budget::room(std::size_t units) const {
  if (units <= kMaxUnits && units_ + units <= kMaxUnits) return {};
  return outOfMemory();
}

Result<void> Budget::take(std::size_t units) {
  if (Result<void> enough = room(units); !enough) return enough;
  units_ += units;
  return {};
}

Result<void> Budget::keep(const Value& value) {
  Measure measured;
  measure(value, 0, measured);
  if (measured.depth > kMaxValueDepth) {
    return fail(ErrorKind::kTooLarge, fmt::format("a value nests deeper than {}", kMaxValueDepth));
  }
  return take(measured.units);
}

std::size_t breadth(const Value& value) {
  if (const std::string* text = value.ifString()) return 1 + text->size() / 64;
  return 1 + value.asArray().size() + value.asObject().size() / 8;
}

std::size_t textUnits(std::size_t bytes) { return (bytes + 15) / 16; }

}  // namespace towpath::expr
