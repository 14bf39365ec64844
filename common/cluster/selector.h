#pragma once
// Label selectors of objects (spec.selector: matchLabels and matchExpressions), and their text form.

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::cluster {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct LabelRequirement {
  enum class Operator { kEquals, kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;  // sorted
};

class LabelSelector {
 public:
  // Of a LabelSelector object; kInvalid for an unknown operator, a missing key or missing values.
  static Result<LabelSelector> fromObject(const Value& selector);

  bool matches(const Labels& labels) const;
  bool empty() const { return requirements_.empty(); }
  // "a=b,tier in (x,y),!old", sorted by key, as metav1.FormatLabelSelector prints it.
  std::string text() const;

 private:
  std::vector<LabelRequirement> requirements_;
};

}  // namespace towpath::cluster
