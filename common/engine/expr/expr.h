#pragma once
// Conditions of analyses: an expression over `result`, in the language of expr-lang as Argo Rollouts uses it. What is
// not here (docs/compatibility.md names it) is an error with its position, never a guess.
//   literals (also b"bytes"), comparison, and/or/not (&& || !), + - * / % ** ^, ?: and if/else, ??, in, contains,
//   startsWith, endsWith, matches, 1..3, a.b a?.b a["b"] a[0] a[-1] a[1:2], [lists], {maps}, let x = 1; x, x | f(y), //
//   and /* comments */, the functions of builtins_*.cc, those with a predicate: all(result, # < 1), any(result, {.ok}),
//   and the methods of times and durations (methods.cc): (now() - date(result.at)).Minutes() < 5

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "engine/expr/types.h"

namespace towpath::expr {

struct Node;

// Bounds of one expression; past them it is an error.
inline constexpr std::size_t kMaxLength = 16384;  // bytes
inline constexpr int kMaxDepth = 64;              // nesting
inline constexpr int kMaxHeight = 400;            // of the tree: "a + a + a …" grows it without nesting
inline constexpr int kMaxNodes = 10000;           // as the peer's library
// Of one evaluation:
inline constexpr std::size_t kMaxSteps = 1000000;
inline constexpr std::size_t kMaxUnits = 1000000;  // elements made, and 16 bytes of text each (budget.h)
inline constexpr int kMaxValueDepth = 100;         // of a value that is made

// What the provider says of the lists that it measures. The peer compiles a condition against the Go type, and
// "result[0] == 'x'" is an error for []float64 (Prometheus, Graphite) where it is false for a list from JSON.
enum class Lists : std::uint8_t { kAnything, kNumbers };

// Whether the expression knows the variable `result`.
enum class Names : std::uint8_t { kResult, kNone };

// A parsed condition; evaluate it as often as wanted.
class Expression {
 public:
  // Kind kInvalid; the message names line and column: "1:8: …". Finds what is wrong whatever is measured.
  static Result<Expression> parse(std::string_view text, Names names = Names::kResult);

  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  // What it gives for a result of that type, with nothing measured yet. kInvalid as evaluate gives it for such a
  // result.
  Result<Type> typeFor(const Type& result) const;

  // As the peer, which compiles afresh for each measurement, first finds what is wrong for the type of the result, also
  // in parts that would not be reached: "result == '5'" is an error for a number. now() is `now` throughout.
  Result<Value> evaluate(const Value& result, WallTime now, Lists lists = Lists::kAnything) const;
  // As evaluate, but anything else than a boolean is an error ("expected bool, but got float64").
  Result<bool> test(const Value& result, WallTime now, Lists lists = Lists::kAnything) const;
  // As evaluate with nothing measured, but anything else than a time is an error ("expected time.Time, but got int"),
  // and so is one before 1678 or after 2261.
  Result<WallTime> time(WallTime now) const;

 private:
  explicit Expression(std::unique_ptr<Node> root);
  std::unique_ptr<Node> root_;
};

}  // namespace towpath::expr
