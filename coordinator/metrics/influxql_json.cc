#include "metrics/influxql_json.h"

#include "json/parse.h"
#include "metrics/exchange.h"

namespace towpath::metrics {
namespace {

void addValues(const Value& series, Array& values) {
  const Array& columns = series["columns"].asArray();
  for (const Value& row : series["values"].asArray()) {
    for (std::size_t i = 0; i < row.asArray().size(); ++i) {
      const bool time = i < columns.size() && columns[i].asStringView() == "time";
      if (!time && !row[i].isNull()) values.push_back(json::withDoubles(row[i]));
    }
  }
}

}  // namespace

Result<Array> readInfluxQlValues(std::string_view body) {
  const Result<Value> answer = jsonOf(body);
  if (!answer) return std::unexpected(answer.error());
  if (!(*answer)["results"].isArray())
    return fail(ErrorKind::kInvalid, "no answer to an InfluxQL query: it has no results");
  Array values;
  for (const Value& statement : (*answer)["results"].asArray()) {
    if (!statement["error"].isNull()) {
      return fail(ErrorKind::kInvalid, "influxql query failed: " + statement["error"].asString());
    }
    bool cut_off = statement["partial"].asBool();
    for (const Value& series : statement["series"].asArray()) {
      cut_off = cut_off || series["partial"].asBool();
      addValues(series, values);
    }
    if (cut_off) return fail(ErrorKind::kTooLarge, "the answer was cut off by the server: ask for less, or for a mean");
  }
  return values;
}

}  // namespace towpath::metrics
