#include "play/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "json/parse.h"

namespace towpath::play {
namespace {

constexpr double kMaxSeconds = 1e9;

struct Record {
  int line = 1;
  std::vector<std::string> cells;
};

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.pop_back();
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin);
}

// The records of a CSV text; lines that are empty or begin with # are left out.
std::vector<Record> recordsOf(std::string_view csv) {
  std::vector<Record> records;
  Record record;
  std::string cell;
  bool quoted = false;
  int line = 1;
  const auto endCell = [&] { record.cells.push_back(trimmed(std::exchange(cell, ""))); };
  const auto endRecord = [&] {
    endCell();
    const bool blank = record.cells.size() == 1 && record.cells.front().empty();
    if (!blank && !record.cells.front().starts_with('#')) records.push_back(record);
    record = {line + 1, {}};
  };
  for (std::size_t i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (c == '"' && quoted && i + 1 < csv.size() && csv[i + 1] == '"') {
      cell += csv[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      endCell();
    } else if (c == '\n' && !quoted) {
      endRecord();
      ++line;
    } else {
      if (c == '\n') ++line;
      cell += c;
    }
  }
  endRecord();
  return records;
}

std::optional<double> secondsOf(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0 && seconds <= kMaxSeconds)) {
    return std::nullopt;
  }
  return seconds;
}

std::optional<Value> cellValue(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (Result<Value> value = json::parse(text)) return *std::move(value);
  return Value(text);
}

std::unexpected<Error> refuse(std::string_view name, int line, const std::string& why) {
  return fail(ErrorKind::kInvalid, fmt::format("{}:{}: {}", name, line, why));
}

}  // namespace

Result<Trace> Trace::parse(std::string_view csv, std::string_view name) {
  const std::vector<Record> records = recordsOf(csv);
  if (records.empty() || records.front().cells.size() < 2) {
    return refuse(name, 1, "needs a header: a column \"time\" in seconds, and one for each metric");
  }
  Trace trace;
  trace.metrics_.assign(records.front().cells.begin() + 1, records.front().cells.end());
  if (secondsOf(records.front().cells.front())) {
    return refuse(name, records.front().line, "the first line must name the columns: time, and the metrics");
  }
  for (std::size_t i = 1; i < records.size(); ++i) {
    const Record& record = records[i];
    if (record.cells.size() != trace.metrics_.size() + 1) {
      return refuse(name, record.line,
                    fmt::format("has {} cells, the header {}", record.cells.size(), trace.metrics_.size() + 1));
    }
    const std::optional<double> seconds = secondsOf(record.cells.front());
    if (!seconds) {
      return refuse(name, record.line,
                    fmt::format("time: \"{}\" is no number of seconds after the update", record.cells.front()));
    }
    Row row{std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds)), {}};
    if (!trace.rows_.empty() && row.time < trace.rows_.back().time) {
      return refuse(name, record.line, "time: rows must come in order of time");
    }
    for (std::size_t c = 1; c < record.cells.size(); ++c) row.cells.push_back(cellValue(record.cells[c]));
    trace.rows_.push_back(std::move(row));
  }
  return trace;
}

bool Trace::has(std::string_view metric) const { return std::ranges::find(metrics_, metric) != metrics_.end(); }

std::optional<Value> Trace::at(std::string_view metric, Duration since_update) const {
  const auto column = std::ranges::find(metrics_, metric) - metrics_.begin();
  if (column == std::ssize(metrics_)) return std::nullopt;
  const auto after = std::ranges::upper_bound(rows_, since_update, {}, &Row::time);
  if (after == rows_.begin()) return std::nullopt;
  return std::prev(after)->cells[static_cast<std::size_t>(column)];
}

}  // namespace towpath::play
