#pragma once
// Tables of conditions and what becomes of them.

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "engine/analysis/assess.h"
#include "engine/expr/expr.h"

namespace towpath::expr {

inline const WallTime kNow = *parseRfc3339("2026-11-26T12:00:00.5Z");

struct Row {
  const char* text;
  const char* want;  // the value as a measurement shows it, or "parse …", or "error …"
};

inline std::string eval(const std::string& text, const Value& result, Lists lists = Lists::kAnything) {
  const Result<Expression> parsed = Expression::parse(text);
  if (!parsed) return "parse " + parsed.error().message;
  const Result<Value> value = parsed->evaluate(result, kNow, lists);
  return value ? analysis::valueText(*value) : "error " + value.error().message;
}

inline void checkRows(std::initializer_list<Row> rows, const Value& result, Lists lists = Lists::kAnything) {
  for (const Row& row : rows) {
    CAPTURE(std::string(row.text));
    CHECK(eval(row.text, result, lists) == row.want);
  }
}

}  // namespace towpath::expr
