#pragma once
// A number over time. Controllers act on what they saw a moment ago, so rules compare with the best value of a short
// past and not with the present alone.

#include <algorithm>
#include <deque>
#include <utility>

#include "base/time.h"

namespace towpath::simulate {

class Track {
 public:
  void set(MonoTime at, int value) {
    if (!values_.empty() && values_.back().second == value) return;
    values_.emplace_back(at, value);
    // What was long ago is of no interest to any rule.
    while (values_.size() > 64) values_.pop_front();
  }
  int now() const { return values_.empty() ? 0 : values_.back().second; }
  int most(MonoTime since) const {
    int best = now();
    for (std::size_t i = values_.size(); i-- > 0;) {
      best = std::max(best, values_[i].second);
      if (values_[i].first <= since) break;
    }
    return best;
  }
  int least(MonoTime since) const {
    int best = now();
    for (std::size_t i = values_.size(); i-- > 0;) {
      best = std::min(best, values_[i].second);
      if (values_[i].first <= since) break;
    }
    return best;
  }

 private:
  std::deque<std::pair<MonoTime, int>> values_;
};

}  // namespace towpath::simulate
