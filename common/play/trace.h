#pragma once
// A metric trace: what each metric measured over time, to play a rollout against. CSV (RFC 4180) whose first column is
// the time in seconds after the update, ascending, and each other column a metric by the name that it has in the
// template:
//
//   time,error-ratio,latency
//   0,0.01,120
//   30,0.2,"[120, 180]"
//
// A value holds until the next row. An empty cell, and the time before the first row, is a metric without data.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::play {

class Trace {
 public:
  // `name` stands for the file in messages. kInvalid: "trace.csv:3: time: …".
  static Result<Trace> parse(std::string_view csv, std::string_view name);

  bool has(std::string_view metric) const;
  const std::vector<std::string>& metrics() const { return metrics_; }
  // The value at that time after the update; nullopt: no data. A cell that is JSON is that value, else it is text.
  std::optional<Value> at(std::string_view metric, Duration since_update) const;
  // The time of the last row; 0 without any.
  Duration end() const { return rows_.empty() ? Duration{} : rows_.back().time; }

 private:
  struct Row {
    Duration time{};
    std::vector<std::optional<Value>> cells;  // in the order of metrics_
  };
  std::vector<std::string> metrics_;
  std::vector<Row> rows_;
};

}  // namespace towpath::play
