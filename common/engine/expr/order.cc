#include "engine/expr/order.h"

#include <algorithm>
#include <cmath>

namespace towpath::expr {

Result<bool> isDescending(std::string_view order) {
  if (order == "asc" || order == "desc") return order == "desc";
  return fail(ErrorKind::kInvalid, fmt::format("invalid order {}, expected asc or desc", order));
}

Result<void> checkSortable(std::string_view function, std::span<const Value> values) {
  if (std::ranges::all_of(values, &Value::isNumber) || std::ranges::all_of(values, &Value::isString)) return {};
  return fail(ErrorKind::kInvalid, fmt::format("{} needs all numbers or all strings", function));
}

bool before(const Value& a, const Value& b) {
  if (a.isString()) return a.asStringView() < b.asStringView();
  if (a.isInt() && b.isInt()) return a.asInt() < b.asInt();
  const double left = a.asDouble();
  const double right = b.asDouble();
  return left < right || (std::isnan(left) && !std::isnan(right));
}

}  // namespace towpath::expr
