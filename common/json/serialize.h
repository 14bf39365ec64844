#pragma once
// Value → JSON text. Members come in their order, doubles in the shortest form that reads back equal ("0.1", "1e+30"; a
// whole double keeps no ".0", as in Go). What JSON can't say (infinities, NaN, an Opaque) is
// written as null.

#include <string>
#include <string_view>

#include "base/value.h"

namespace towpath::json {

std::string serialize(const Value& value);
// Appends to `out`; for streams that collect many objects in one buffer.
void serializeTo(const Value& value, std::string& out);

// One member a line, `indent` spaces a level. kubectl -o json uses 4.
std::string serializePretty(const Value& value, int indent = 4);

// Members sorted bytewise at every level, so that equal values give equal texts.
std::string serializeCanonical(const Value& value);

// As Go's encoding/json writes strings with HTML escaping on: <, > and & as \u003c, …, and U+2028/2029 too. With
// quotes.
void appendGoString(std::string_view text, std::string& out);
// As Go's encoding/json writes a float64.
void appendGoNumber(double number, std::string& out);

}  // namespace towpath::json
