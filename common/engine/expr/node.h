#pragma once
// The syntax tree of a condition.

#include <memory>
#include <string>
#include <vector>

#include "base/value.h"

namespace towpath::expr {

enum class NodeKind : std::uint8_t {
  kLiteral,
  kResult,    // the variable `result`
  kList,      // children: elements
  kUnary,     // text: operator; one child
  kBinary,    // text: operator; two children
  kChoice,    // condition, then, else
  kMember,    // text: name; one child
  kOptional,  // a?.b: null if the child is null
  kIndex,     // child, index
  kCall,      // text: function; children: arguments
};

struct Node {
  NodeKind kind = NodeKind::kLiteral;
  std::string text;
  Value value;
  std::vector<std::unique_ptr<Node>> children;
  int height = 1;        // of the tree below, bounded so that walking it never runs out of stack
  std::string position;  // "line:column", for errors at evaluation
};

}  // namespace towpath::expr
