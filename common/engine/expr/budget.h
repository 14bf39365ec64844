#pragma once
// What one evaluation may use up: steps (time) and units of memory. Both only grow, so that a bound holds whatever is
// freed on the way.

#include <cstddef>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

class Budget {
 public:
  // Errors of kind kTooLarge, which name the bound and the mend.
  Result<void> work(std::size_t steps);
  // One unit is an element, a member or 16 bytes of text.
  Result<void> take(std::size_t units);
  // Takes what a value that was just made weighs, and refuses one that nests deeper than kMaxValueDepth: values are
  // walked by recursion.
  Result<void> keep(const Value& value);
  // Whether that much could still be taken; asked before something large is made.
  Result<void> room(std::size_t units) const;

 private:
  std::size_t steps_ = 0;
  std::size_t units_ = 0;
};

// The steps that one look through the value costs, its elements not looked into.
std::size_t breadth(const Value& value);
// The units that a text of so many bytes takes.
std::size_t textUnits(std::size_t bytes);

}  // namespace towpath::expr
