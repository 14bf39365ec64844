#pragma once
// Label and field selectors of list, watch and deletecollection requests.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apiserver/failure.h"
#include "cluster/object.h"

namespace towpath::apiserver {

struct Kind;

// `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`, joined by commas: all must hold.
class LabelSelector {
 public:
  static Answer<LabelSelector> parse(std::string_view text);
  bool matches(const cluster::ObjectMeta& meta) const;
  bool empty() const { return requirements_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
    std::int64_t bound = 0;
  };
  class Parser;
  std::vector<Requirement> requirements_;
};

// `path=value` or `path!=value`, joined by commas, for the paths that the kind offers.
class FieldSelector {
 public:
  static Answer<FieldSelector> parse(const Kind& kind, std::string_view text);
  bool matches(const cluster::StoredObject& object) const;
  bool empty() const { return requirements_.empty(); }
  // The name or namespace that every match must have, or "".
  std::string_view name() const { return name_; }
  std::string_view ns() const { return ns_; }

 private:
  struct Requirement {
    std::string path;
    std::string value;
    bool equal = true;
  };
  std::vector<Requirement> requirements_;
  std::string name_, ns_;
};

// Both together, with the namespace: what a list or a watch shows.
struct Selection {
  std::string ns;  // empty: all
  LabelSelector labels;
  FieldSelector fields;

  bool matches(const cluster::StoredObject& object) const;
};
Answer<Selection> parseSelection(const Kind& kind, std::string ns, std::string_view labels, std::string_view fields);

}  // namespace towpath::apiserver
