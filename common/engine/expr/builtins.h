#pragma once
// The functions of the condition language: one table line each, by theme in the builtins_*.cc.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "engine/expr/budget.h"
#include "engine/expr/held.h"
#include "engine/expr/types.h"

namespace towpath::expr {

// The arguments of a call, which fit the signature.
class Call {
 public:
  Call(std::span<Held> arguments, const Value& result, WallTime now, Budget& budget)
      : arguments_(arguments), result_(result), now_(now), budget_(budget) {}

  std::size_t size() const { return arguments_.size(); }
  const Value& operator[](std::size_t index) const { return *arguments_[index]; }
  std::string_view text(std::size_t index) const { return (*this)[index].asStringView(); }
  const Array& list(std::size_t index) const { return (*this)[index].asArray(); }
  // The metric's result: default() and isNil() look at it and not at their argument, as the peer does (8.8).
  const Value& result() const { return result_; }
  WallTime now() const { return now_; }
  Budget& budget() { return budget_; }

 private:
  std::span<Held> arguments_;
  const Value& result_;
  WallTime now_;
  Budget& budget_;
};

inline constexpr std::size_t kAnyNumber = 10000;  // of arguments: as many as an expression has terms

struct Builtin {
  std::string_view name;
  std::size_t least;  // arguments
  std::size_t most;
  // What each argument has to be, a letter each, the last one repeated:
  //   a anything  s string  n number  i whole number  t number or string  v number, duration or list  l list  m map
  //   k whole number, or a real one that is cut off where its type was not known before
  //   c list, map or string  p predicate  w what int() takes  d string or zone
  //   T time  D duration  Z zone
  std::string_view takes;
  // What comes out: b i f s a T D Z as above, l a list, S a list of strings, m, = the first argument's type, e its
  // elements', g that of the arguments if all are numbers or all durations, M a month, W a day of the week
  char gives;
  Result<Value> (*call)(Call& call);  // null where there is a predicate: predicates.h
};

std::span<const Builtin> textBuiltins();
std::span<const Builtin> numberBuiltins();
std::span<const Builtin> listBuiltins();
std::span<const Builtin> timeBuiltins();
std::span<const Builtin> jsonBuiltins();

const Builtin* findBuiltin(std::string_view name);
bool isPredicate(const Builtin& builtin);
// Of the argument at `index`.
char wanted(const Builtin& builtin, std::size_t index);
// The message if a value of that type cannot be the argument; unknown fits everything.
std::optional<std::string> misfit(const Builtin& builtin, std::size_t index, const Type& type);
// The same for all arguments, and their number; for methods.
std::optional<std::string> misfit(const Builtin& builtin, std::span<const Type> arguments);
Type givenType(const Builtin& builtin, std::span<const Type> arguments);

// "int", "float64", "string", "bool", "nil", "list", "map", "time.Time", …: for messages.
std::string_view typeName(const Value& value);

}  // namespace towpath::expr
