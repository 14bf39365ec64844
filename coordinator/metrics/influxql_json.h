#pragma once
// What InfluxDB answers an InfluxQL query with (docs.influxdata.com, "InfluxDB 1.x API reference, /query"):
//
//   {"results": [{"series": [{"name": "errors", "columns": ["time", "mean"], "values": [[0, 0.5]]}]}]}

#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::metrics {

// The values of every series, row by row, without their times and without nulls (an empty bucket of GROUP BY time).
// Numbers are doubles. kInvalid: a statement that failed, or no such answer; kTooLarge: the server cut it off.
Result<Array> readInfluxQlValues(std::string_view body);

}  // namespace towpath::metrics
