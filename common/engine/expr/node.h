#pragma once
// The syntax tree of a condition.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/value.h"

namespace towpath::expr {

enum class NodeKind : std::uint8_t {
  kLiteral,
  kResult,       // the variable `result`
  kVariable,     // text: name, of a `let` around it
  kPointer,      // # (text empty), #index, #acc: inside a predicate only
  kList,         // children: elements
  kMap,          // children: key, value, key, value, …
  kUnary,        // text: operator; one child
  kBinary,       // text: operator; two children
  kComparisons,  // a < b <= c; operators: one fewer than children
  kChoice,       // condition, then, else
  kMember,       // text: name; one child
  kIndex,        // child, index
  kSlice,        // child, from, to; a bound that is left out is a literal nil
  kChain,        // one child: where a ?. inside finds nil, the whole is nil
  kCall,         // text: function; children: arguments
  kMethod,       // text: name; children: the value, arguments
  kPredicate,    // one child: what is asked of each element
  kLet,          // text: name; value, body
  kSequence,     // children: the value is the last one's
};

struct Node {
  NodeKind kind = NodeKind::kLiteral;
  bool optional = false;  // kMember, kIndex, kMethod: written with ?.
  std::string text;
  Value value;
  std::vector<std::string> operators;
  std::vector<std::unique_ptr<Node>> children;
  int height = 1;        // of the tree below, bounded so that walking it never runs out of stack
  std::string position;  // "line:column", for errors at evaluation
};

}  // namespace towpath::expr
