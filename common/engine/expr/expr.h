#pragma once
// Conditions of analyses: an expression over `result`. The subset of expr-lang that is here follows its semantics; what
// is not here is an error with its position, never a guess.
//   literals, comparison, and/or/not (&& || !), + - * / % ** ^, ?:, ??, in, contains, startsWith, endsWith,
//   a.b a?.b a["b"] a[0] a[-1], [lists], len isNaN isInf isNil default asInt asFloat

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

struct Node;

// Bounds of one expression; past them it is an error.
inline constexpr std::size_t kMaxLength = 16384;  // bytes
inline constexpr int kMaxDepth = 64;              // nesting
inline constexpr int kMaxHeight = 400;            // of the tree: "a + a + a …" grows it without nesting
inline constexpr int kMaxNodes = 10000;           // as the peer's library
inline constexpr int kMaxSteps = 1000000;         // of one evaluation

// A parsed condition; evaluate it as often as wanted.
class Expression {
 public:
  // Kind kInvalid; the message names line and column: "1:8: …".
  static Result<Expression> parse(std::string_view text);

  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  Result<Value> evaluate(const Value& result) const;
  // As evaluate, but anything else than a boolean is an error ("expected bool, but got float64").
  Result<bool> test(const Value& result) const;

 private:
  explicit Expression(std::unique_ptr<Node> root);
  std::unique_ptr<Node> root_;
};

}  // namespace towpath::expr
