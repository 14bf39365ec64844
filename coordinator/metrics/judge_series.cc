#include "metrics/judge_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "metrics/own_settings.h"
#include "metrics/registry.h"

namespace towpath::metrics {
namespace {

constexpr std::size_t kMetricsMax = 50;

std::optional<std::string> wrongChoices(const Value& config, judge::SeriesMetric& metric) {
  const std::string_view direction = config["direction"].asStringView("either");
  if (direction == "increase")
    metric.direction = judge::SeriesDirection::kIncrease;
  else if (direction == "decrease")
    metric.direction = judge::SeriesDirection::kDecrease;
  else if (direction != "either")
    return fmt::format("direction: \"{}\" is none of increase, decrease and either", direction);
  const std::string_view nan = config["nanStrategy"].asStringView("remove");
  if (nan == "replace")
    metric.nan = judge::NanStrategy::kReplace;
  else if (nan != "remove")
    return fmt::format("nanStrategy: \"{}\" is neither remove nor replace", nan);
  return std::nullopt;
}

std::optional<std::string> wrongEffects(const Value& config, judge::SeriesMetric& metric) {
  const std::pair<const char*, double*> effects[] = {{"allowedIncrease", &metric.allowed_increase},
                                                     {"allowedDecrease", &metric.allowed_decrease},
                                                     {"criticalIncrease", &metric.critical_increase},
                                                     {"criticalDecrease", &metric.critical_decrease}};
  for (const auto& [key, effect] : effects) {
    const Value& value = config["effectSize"][key];
    if (value.isNull()) continue;
    *effect = value.asDouble(-1);
    const bool rise = std::string_view(key).ends_with("Increase");
    if (rise ? *effect >= 1 : *effect >= 0 && *effect <= 1) continue;
    return fmt::format("effectSize.{}: a ratio of the means is wanted, {}", key,
                       rise ? "1 or more" : "between 0 and 1");
  }
  return std::nullopt;
}

std::optional<std::string> wrongWith(const Value& config, SeriesSource& source) {
  judge::SeriesMetric& metric = source.metric;
  const Result<void> known = refuseUnknown(config, {"canary", "critical", "direction", "effectSize", "groups",
                                                    "mustHaveData", "name", "nanStrategy", "removeOutliers", "stable"});
  if (!known) return fmt::format("{}: {}", known.error().field, known.error().message);
  metric.name = config["name"].asString();
  if (metric.name.empty()) return "name: every metric has one";
  for (const Value& group : config["groups"].asArray()) metric.groups.push_back(group.asString());
  if (metric.groups.empty()) metric.groups.push_back(metric.name);
  metric.critical = config["critical"].asBool();
  metric.must_have_data = config["mustHaveData"].asBool();
  metric.remove_outliers = config["removeOutliers"].asBool();
  if (std::optional<std::string> why = wrongChoices(config, metric)) return why;
  if (std::optional<std::string> why = wrongEffects(config, metric)) return why;
  source.canary = config["canary"];
  source.stable = config["stable"];
  for (const char* key : {"canary", "stable"}) {
    const Value& provider = config[key];
    if (provider.asObject().empty()) return fmt::format("{}: a provider is wanted, such as {{prometheus: {{…}}}}", key);
    if (!provider["plugin"]["towpath/judge"].isNull()) return fmt::format("{}: a judge is no series", key);
  }
  return std::nullopt;
}

loop::Task<Result<std::vector<double>>> ask(const ProviderContext& context, MetricRequest request,
                                            const Value& provider) {
  request.provider = provider;
  // Only the value is of interest.
  request.metric.success_condition.clear();
  request.metric.failure_condition.clear();
  const Result<std::unique_ptr<Provider>> made = makeProvider(provider, context);
  if (!made) co_return std::unexpected(made.error());
  const model::Measurement measurement = co_await (*made)->start(request);
  if (measurement.phase == model::AnalysisPhase::kError) co_return fail(ErrorKind::kUnavailable, measurement.message);
  if (!measurement.finished_at)
    co_return fail(ErrorKind::kUnsupported, "this provider does not answer at once, so it gives no series");
  co_return numbersOf(measurement.value);
}

}  // namespace

Result<std::vector<SeriesSource>> readSeries(const Value& metrics) {
  std::vector<SeriesSource> sources;
  std::set<std::string> names;
  if (metrics.asArray().empty() || metrics.asArray().size() > kMetricsMax)
    return fail(ErrorKind::kInvalid, fmt::format("a list of 1 to {} metrics is wanted", kMetricsMax), "metrics");
  for (const Value& config : metrics.asArray()) {
    const std::string at = fmt::format("metrics[{}]", sources.size());
    SeriesSource& source = sources.emplace_back();
    if (const std::optional<std::string> why = wrongWith(config, source)) return fail(ErrorKind::kInvalid, *why, at);
    if (!names.insert(source.metric.name).second)
      return fail(ErrorKind::kInvalid, fmt::format("name: another metric is called \"{}\"", source.metric.name), at);
  }
  return sources;
}

Result<std::vector<double>> numbersOf(std::string_view text) {
  const auto no_list = [text] {
    return fail(ErrorKind::kInvalid,
                fmt::format("a list of numbers over time is wanted (with Prometheus: rangeQuery), not {}",
                            text.substr(0, 100)));
  };
  if (!text.starts_with('[') || !text.ends_with(']')) return no_list();
  text = text.substr(1, text.size() - 2);
  std::vector<double> numbers;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    if (word.starts_with('+')) word.remove_prefix(1);
    double number = 0;
    if (std::from_chars(word.data(), word.data() + word.size(), number).ptr != word.data() + word.size() ||
        word.empty())
      return no_list();
    numbers.push_back(number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return numbers;
}

loop::Task<Result<std::vector<judge::SeriesMetric>>> askForSeries(const ProviderContext& context,
                                                                  const MetricRequest& request,
                                                                  const std::vector<SeriesSource>& sources) {
  std::vector<judge::SeriesMetric> metrics;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    judge::SeriesMetric metric = sources[i].metric;
    Result<std::vector<double>> canary = co_await ask(context, request, sources[i].canary);
    if (!canary) co_return fail(canary.error().kind, canary.error().message, fmt::format("metrics[{}].canary", i));
    Result<std::vector<double>> stable = co_await ask(context, request, sources[i].stable);
    if (!stable) co_return fail(stable.error().kind, stable.error().message, fmt::format("metrics[{}].stable", i));
    metric.experiment = std::move(*canary);
    metric.control = std::move(*stable);
    metrics.push_back(std::move(metric));
  }
  co_return metrics;
}

}  // namespace towpath::metrics
