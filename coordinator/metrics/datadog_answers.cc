#include "metrics/datadog_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/analysis/assess.h"
#include "json/serialize.h"
#include "metrics/exchange.h"

namespace towpath::metrics {
namespace {

struct Group {
  std::string name;
  double value = 0;
};

// The labels of a row in a column of groups: ["a", "b"] → "a,b".
Result<std::string> nameOf(const std::vector<const Value*>& columns, std::size_t row) {
  std::vector<std::string> names;
  for (const Value* column : columns) {
    const Value& labels = (*column)["values"][row];
    if (!labels.isArray()) return fail(ErrorKind::kInvalid, "Datadog answered a group without its labels");
    for (const Value& label : labels.asArray()) {
      if (!label.isString()) return fail(ErrorKind::kInvalid, "Datadog answered a group whose label is no text");
      names.push_back(label.asString());
    }
  }
  return fmt::format("{}", fmt::join(names, ","));
}

// The lowest and the highest, where there are too many to keep.
bool keepEnds(std::vector<Group>& groups) {
  if (groups.size() <= kMostGroups) return false;
  std::ranges::sort(groups, {}, &Group::value);
  groups.erase(groups.begin() + kMostGroups / 2, groups.end() - kMostGroups / 2);
  return true;
}

Answer answerOf(std::vector<Group> groups) {
  const bool cut = keepEnds(groups);
  Array values, named;
  for (Group& group : groups) {
    values.emplace_back(group.value);
    named.push_back(Object{{"name", std::move(group.name)}, {"value", group.value}});
  }
  const Value result(std::move(values));
  Answer answer{result, analysis::valueText(result)};
  answer.metadata["groups"] = json::serialize(Value(std::move(named)));
  if (cut) answer.metadata["groups_truncated"] = "true";
  return answer;
}

}  // namespace

Result<Answer> readDatadogSeries(const Value& body) {
  const Value& series = body["series"];
  const Array& points = series[0]["pointlist"].asArray();
  if (points.empty()) return Answer{Value(), json::serialize(series)};
  const Value& value = points.back()[1];
  if (value.isNull()) return Answer{Value(), json::serialize(series)};
  if (!value.isNumber()) return fail(ErrorKind::kInvalid, "Datadog answered a point that is no number");
  return Answer{Value(value.asDouble()), analysis::valueText(value.asDouble())};
}

Result<Answer> readDatadogScalars(const Value& body) {
  const Value& data = body["data"];
  if (const std::string errors = data["errors"].asString(); !errors.empty()) {
    return fail(ErrorKind::kInvalid, "There were errors in your query: " + shown(errors));
  }
  std::vector<const Value*> group_columns;
  const Value* numbers = nullptr;
  for (const Value& column : data["attributes"]["columns"].asArray()) {
    const std::string_view type = column["type"].asStringView();
    if (type == "group") {
      group_columns.push_back(&column);
    } else if (!numbers && (type == "number" || type.empty())) {
      numbers = &column;
    }
  }
  std::vector<Group> groups;
  const Array& rows = numbers ? (*numbers)["values"].asArray() : Value::null().asArray();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].isNull()) continue;
    if (!rows[row].isNumber()) return fail(ErrorKind::kInvalid, "Datadog answered a value that is no number");
    const Result<std::string> name = nameOf(group_columns, row);
    if (!name) return std::unexpected(name.error());
    groups.push_back({*name, rows[row].asDouble()});
  }
  if (groups.empty()) return Answer{Value(), "[]"};
  if (!group_columns.empty()) return answerOf(std::move(groups));
  return Answer{Value(groups.front().value), analysis::valueText(groups.front().value)};
}

}  // namespace towpath::metrics
