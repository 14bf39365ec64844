// The cloudWatch provider: GetMetricData of Amazon CloudWatch, in its JSON protocol (metric-providers reference, 7;
// docs.aws.amazon.com, "GetMetricData").
//
//   provider:
//     cloudWatch:
//       interval: 30m
//       metricDataQueries:
//       - id: rate
//         metricStat: {metric: {namespace: app, metricName: errors}, period: 300, stat: Sum, unit: Count}
//
// The result is the list of MetricDataResults, with the names of the AWS SDK: result[0].Values[0].

#include <fmt/format.h>

#include "json/serialize.h"
#include "metrics/aws_access.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 30s;
constexpr Duration kDefaultInterval = 5min;

void put(Value& into, const char* name, const Value& value) {
  if (!value.isNull()) into[name] = value;
}

Result<Value> statOf(const Value& stat) {
  Value out;
  Value& metric = out["Metric"];
  put(metric, "MetricName", stat["metric"]["metricName"]);
  put(metric, "Namespace", stat["metric"]["namespace"]);
  Array dimensions;
  for (const Value& dimension : stat["metric"]["dimensions"].asArray()) {
    dimensions.push_back(Object{{"Name", dimension["name"]}, {"Value", dimension["value"]}});
  }
  if (!dimensions.empty()) metric["Dimensions"] = std::move(dimensions);
  const Result<std::int64_t> period = wholeNumberAt(stat, "period", 0);
  if (!period) return std::unexpected(period.error());
  out["Period"] = *period;
  put(out, "Stat", stat["stat"]);
  if (!stat["unit"].asStringView().empty()) out["Unit"] = stat["unit"];
  return out;
}

Result<Value> queryOf(const Value& query) {
  Value out;
  put(out, "Id", query["id"]);
  put(out, "Expression", query["expression"]);
  put(out, "Label", query["label"]);
  put(out, "ReturnData", query["returnData"]);
  if (!query["period"].isNull()) {
    const Result<std::int64_t> period = wholeNumberAt(query, "period", 0);
    if (!period) return std::unexpected(period.error());
    out["Period"] = *period;
  }
  if (query["metricStat"].isNull()) return out;
  Result<Value> stat = statOf(query["metricStat"]);
  if (!stat) return stat;
  out["MetricStat"] = std::move(*stat);
  return out;
}

Result<Value> bodyOf(const Value& settings, WallTime now, Duration interval) {
  const auto seconds = [](WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  Array queries;
  for (const Value& query : settings["metricDataQueries"].asArray()) {
    Result<Value> made = queryOf(query);
    if (!made) return made;
    queries.push_back(std::move(*made));
  }
  return Value(Object{
      {"StartTime", seconds(now - interval)}, {"EndTime", seconds(now)}, {"MetricDataQueries", std::move(queries)}});
}

// Every field is there, as in the SDK's struct; numbers are doubles, times are texts.
Value resultOf(const Value& metric) {
  Array values, stamps, messages;
  for (const Value& value : metric["Values"].asArray()) values.emplace_back(value.asDouble());
  for (const Value& stamp : metric["Timestamps"].asArray()) {
    const auto at = std::chrono::seconds(static_cast<std::int64_t>(std::clamp(stamp.asDouble(), 0.0, 4e9)));
    stamps.emplace_back(formatRfc3339(WallTime(at)));
  }
  for (const Value& message : metric["Messages"].asArray()) {
    messages.push_back(Object{{"Code", message["Code"]}, {"Value", message["Value"]}});
  }
  return Object{{"Id", metric["Id"]},
                {"Label", metric["Label"]},
                {"StatusCode", metric["StatusCode"]},
                {"Timestamps", std::move(stamps)},
                {"Values", std::move(values)},
                {"Messages", std::move(messages)}};
}

Error refusal(const http::Response& response) {
  const Result<Value> body = jsonOf(response.body);
  std::string type = body ? (*body)["__type"].asString() : "";
  if (const std::size_t hash = type.find('#'); hash != std::string::npos) type = type.substr(hash + 1);
  std::string message = body ? (*body)["message"].asString((*body)["Message"].asStringView()) : "";
  if (message.empty()) message = shown(response.body);
  const ErrorKind kind = response.status == 403 ? ErrorKind::kUnauthorized : ErrorKind::kUnavailable;
  return {kind, fmt::format("CloudWatch answered {}{}{}: {}", response.status, type.empty() ? "" : " ", type, message),
          ""};
}

Result<Answer> read(const http::Response& response) {
  if (!response.ok()) return std::unexpected(refusal(response));
  const Result<Value> body = jsonOf(response.body);
  if (!body) return std::unexpected(body.error());
  Array results, values;
  for (const Value& metric : (*body)["MetricDataResults"].asArray()) {
    results.push_back(resultOf(metric));
    values.push_back(std::as_const(results.back())["Values"]);
  }
  Answer answer{Value(std::move(results)), goPrint(Value(std::move(values)))};
  if (const Value& messages = (*body)["Messages"]; !messages.asArray().empty()) {
    answer.metadata["messages"] = shown(json::serialize(messages));
  }
  return answer;
}

class CloudWatch final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["cloudWatch"];
    const Result<Duration> interval = durationAt(settings, "interval", kDefaultInterval);
    if (!interval) co_return std::unexpected(interval.error());
    const WallTime to = context().loop->wallNow();
    const Result<Value> body = bodyOf(settings, to, *interval);
    if (!body) co_return std::unexpected(body.error());
    const Result<AwsAccess> access = co_await findAwsAccess(context(), {});
    if (!access) co_return std::unexpected(access.error());
    http::ClientRequest asked =
        jsonRequest(joinUrl(awsEndpoint(context(), "monitoring", "CLOUDWATCH", access->region), "/"), *body, kTimeout);
    asked.headers.set("Content-Type", "application/x-amz-json-1.0");
    asked.headers.set("X-Amz-Target", "GraniteServiceVersion20100801.GetMetricData");
    signRequest(asked, access->keys, {access->region, "monitoring"}, to);
    const auto response = co_await context().fetch(std::move(asked));
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response);
  }
};

}  // namespace

std::unique_ptr<Provider> makeCloudWatch(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<CloudWatch>(context);
}

}  // namespace towpath::metrics
