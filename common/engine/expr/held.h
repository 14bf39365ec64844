#pragma once
// A value on its way through an evaluation: lent by what outlives it (the result, a literal, a variable, an element of
// a list that is being walked), or its own. Saves a copy of the whole result at each mention of it.

#include <utility>

#include "base/value.h"

namespace towpath::expr {

class Held {
 public:
  Held(Value value) : own_(std::move(value)) {}
  static Held lend(const Value& value) {
    Held held{Value()};
    held.lent_ = &value;
    return held;
  }

  const Value& operator*() const { return lent_ != nullptr ? *lent_ : own_; }
  const Value* operator->() const { return &**this; }
  bool isLent() const { return lent_ != nullptr; }
  // The value for good; copied if it is lent.
  Value take() && { return lent_ != nullptr ? *lent_ : std::move(own_); }

 private:
  Value own_;
  const Value* lent_ = nullptr;
};

}  // namespace towpath::expr
