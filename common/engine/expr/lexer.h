#pragma once
// Splits an expression into tokens. Knows nothing of the grammar.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"

namespace towpath::expr {

enum class TokenKind : std::uint8_t { kNumber, kString, kBytes, kName, kOperator, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;        // name or operator
  Value value;             // of kNumber, kString, and kBytes: a list of whole numbers
  std::size_t offset = 0;  // in the source, for messages
};

// The last token is always kEnd.
Result<std::vector<Token>> tokenize(std::string_view source);

// "line:column: message", counted from 1.
Error errorAt(std::string_view source, std::size_t offset, std::string message);

}  // namespace towpath::expr
