#include "engine/expr/order.h"

#include <algorithm>
#include <cmath>

#include "engine/expr/temporal.h"

namespace towpath::expr {

Result<bool> isDescending(std::string_view order) {
  if (order == "asc" || order == "desc") return order == "desc";
  return fail(ErrorKind::kInvalid, fmt::format("invalid order {}, expected asc or desc", order));
}

Result<void> checkSortable(std::string_view function, std::span<const Value> values) {
  if (values.size() < 2) return {};
  if (std::ranges::all_of(values, &Value::isNumber) || std::ranges::all_of(values, &Value::isString)) return {};
  const auto comparable = [&](const Value& value) { return compareTemporal(values.front(), value).has_value(); };
  if (std::ranges::all_of(values, comparable)) return {};
  return fail(ErrorKind::kInvalid,
              fmt::format("{} needs all numbers, all strings, all times or all durations", function));
}

bool before(const Value& a, const Value& b) {
  if (!a.isNumber() && !a.isString()) return compareTemporal(a, b).value_or(0) < 0;
  if (a.isString()) return a.asStringView() < b.asStringView();
  if (a.isInt() && b.isInt()) return a.asInt() < b.asInt();
  const double left = a.asDouble();
  const double right = b.asDouble();
  return left < right || (std::isnan(left) && !std::isnan(right));
}

}  // namespace towpath::expr
