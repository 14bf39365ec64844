#pragma once
// The annotated CSV that InfluxDB answers a Flux query with (docs.influxdata.com, "Annotated CSV"): tables one after
// the other, each with its annotations and its header, an empty line between them.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/value.h"

namespace towpath::metrics {

// `_value` of every record of every table, typed by the annotation #datatype: double, long, unsignedLong, boolean, and
// text for all others. kInvalid: an error table ("error,reference"), or what cannot be read.
Result<Array> readFluxValues(std::string_view csv);
// What InfluxDB 1.8 refuses a query with: a table of nothing but "error"; nullopt for anything else.
std::optional<std::string> readFluxRefusal(std::string_view csv);

}  // namespace towpath::metrics
