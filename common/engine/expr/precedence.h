#pragma once
// The operators and how strongly they bind: the peer's language's.

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/expr/lexer.h"

namespace towpath::expr {

struct Operator {
  std::string_view text;
  int precedence;
  bool right = false;
};

inline constexpr std::array<Operator, 24> kBinary = {
    {{"||", 10},         {"or", 10},       {"&&", 15},      {"and", 15},       {"==", 20},       {"!=", 20},
     {"<", 20},          {">", 20},        {"<=", 20},      {">=", 20},        {"in", 20},       {"contains", 20},
     {"startsWith", 20}, {"endsWith", 20}, {"matches", 20}, {"..", 25},        {"+", 30},        {"-", 30},
     {"*", 60},          {"/", 60},        {"%", 60},       {"**", 100, true}, {"^", 100, true}, {"??", 500}}};

// Null if the token is none.
inline const Operator* binaryOperator(const Token& token) {
  if (token.kind != TokenKind::kOperator && token.kind != TokenKind::kName) return nullptr;
  const auto found = std::ranges::find(kBinary, token.text, &Operator::text);
  return found == kBinary.end() ? nullptr : &*found;
}

inline bool isOrdering(std::string_view op) { return op == "<" || op == ">" || op == "<=" || op == ">="; }

// -1 if the token is none.
inline int unaryPrecedence(const Token& token) {
  if (token.text == "!" || (token.kind == TokenKind::kName && token.text == "not")) return 50;
  if (token.kind == TokenKind::kOperator && (token.text == "-" || token.text == "+")) return 90;
  return -1;
}

}  // namespace towpath::expr
