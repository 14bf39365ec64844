#pragma once
// std::ranges::contains, which the standard library of gcc 12 lacks.

#include <algorithm>
#include <functional>
#include <ranges>

namespace towpath::proxy {

template <std::ranges::input_range Range, class T, class Projection = std::identity>
bool contains(Range&& range, const T& value, Projection projection = {}) {
  return std::ranges::find(range, value, projection) != std::ranges::end(range);
}

}  // namespace towpath::proxy
