#include "metrics/flux_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "metrics/exchange.h"

namespace towpath::metrics {
namespace {

using Row = std::vector<std::string>;

// RFC 4180: fields may be in quotes, with quotes doubled and line ends inside.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  // nullopt at the end. An empty line is a row with one empty field.
  std::optional<Row> next() {
    if (at_ >= text_.size()) return std::nullopt;
    Row row(1);
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' && row.back().empty()) {
        readQuoted(row.back());
      } else if (c == ',') {
        row.emplace_back();
        ++at_;
      } else if (c == '\n' || c == '\r') {
        at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
        return row;
      } else {
        row.back() += c;
        ++at_;
      }
    }
    return row;
  }

 private:
  void readQuoted(std::string& field) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') {
        field += text_[at_];
      } else if (text_.substr(at_ + 1).starts_with('"')) {
        field += '"';
        ++at_;
      } else {
        ++at_;
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

template <class Number>
Result<Value> whole(const std::string& text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\" of the answer is no whole number", shown(text)));
  }
  if (static_cast<std::uint64_t>(number) > static_cast<std::uint64_t>(INT64_MAX) && number > 0) {
    return Value(static_cast<double>(number));
  }
  return Value(static_cast<std::int64_t>(number));
}

Result<Value> typed(const std::string& text, std::string_view type) {
  if (type == "string" || type.empty()) return Value(text);
  if (text.empty()) return Value();
  if (type == "long") return whole<std::int64_t>(text);
  if (type == "unsignedLong") return whole<std::uint64_t>(text);
  if (type == "boolean") return Value(text == "true");
  if (type != "double") return Value(text);
  const std::optional<double> number = parseFloat(text);
  if (!number) return fail(ErrorKind::kInvalid, fmt::format("\"{}\" of the answer is no number", shown(text)));
  return Value(*number);
}

std::string at(const Row& row, std::size_t index) { return index < row.size() ? row[index] : std::string(); }

// The table that is being read.
struct Table {
  Row types, defaults, header;
  std::optional<std::size_t> value;  // the column _value

  void begin(Row row) {
    header = std::move(row);
    const auto found = std::ranges::find(header, "_value");
    if (found != header.end()) value = static_cast<std::size_t>(found - header.begin());
  }
};

// A table of its own says what went wrong once the answer had begun.
std::optional<Error> errorIn(const Table& table, const Row& row) {
  const auto found = std::ranges::find(table.header, "error");
  if (found == table.header.end() || std::ranges::find(table.header, "reference") == table.header.end()) {
    return std::nullopt;
  }
  return Error{ErrorKind::kInvalid,
               "flux query failed: " + at(row, static_cast<std::size_t>(found - table.header.begin())), ""};
}

bool isBlank(const Row& row) { return row.size() == 1 && row[0].empty(); }

}  // namespace

Result<Array> readFluxValues(std::string_view csv) {
  Array values;
  Table table;
  CsvReader reader(csv);
  while (std::optional<Row> row = reader.next()) {
    if (isBlank(*row)) {
      table = {};
    } else if (row->front().starts_with('#')) {
      if (!table.header.empty()) table = {};  // annotations begin a table, with or without an empty line
      if (row->front() == "#datatype")
        table.types = std::move(*row);
      else if (row->front() == "#default")
        table.defaults = std::move(*row);
    } else if (table.header.empty()) {
      table.begin(std::move(*row));
    } else if (std::optional<Error> error = errorIn(table, *row)) {
      return std::unexpected(std::move(*error));
    } else if (table.value) {
      std::string text = at(*row, *table.value);
      if (text.empty()) text = at(table.defaults, *table.value);
      Result<Value> value = typed(text, at(table.types, *table.value));
      if (!value) return std::unexpected(value.error());
      values.push_back(std::move(*value));
    }
  }
  return values;
}

std::optional<std::string> readFluxRefusal(std::string_view csv) {
  CsvReader reader(csv);
  const std::optional<Row> header = reader.next();
  if (!header || header->front() != "error") return std::nullopt;
  const std::optional<Row> row = reader.next();
  return row && !isBlank(*row) ? std::optional(row->front()) : std::nullopt;
}

}  // namespace towpath::metrics
