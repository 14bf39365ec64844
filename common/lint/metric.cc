#include "lint/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "api/validate.h"
#include "base/time.h"
#include "engine/expr/expr.h"
#include "json/field.h"
#include "json/path.h"

namespace towpath::lint {
namespace {

using expr::Type;
using expr::TypeKind;

// What an argument without a literal value may turn out to be; a text is right if one of them makes it right.
constexpr std::array<const char*, 4> kGuesses{"1", "x", "true", "1m"};

// "web", "plugin/towpath/traffic"; empty without any.
std::string providerKey(const Value& provider) {
  for (const auto& [key, config] : provider.asObject()) {
    if (config.isNull()) continue;
    if (key != "plugin") return key;
    const Object& plugins = config.asObject();
    return plugins.empty() ? "plugin" : "plugin/" + plugins.begin()->key;
  }
  return "";
}

// The types that the provider may give; none: anything.
std::vector<Type> resultTypes(const std::string& key, const Value& provider) {
  const Type number{TypeKind::kFloat};
  const Type numbers{TypeKind::kList, TypeKind::kFloat};
  const Type list{TypeKind::kList};
  if (key == "prometheus") {
    return provider["prometheus"]["rangeQuery"].isObject() ? std::vector{numbers} : std::vector{numbers, number};
  }
  if (key == "graphite") return {numbers};
  if (key == "wavefront") return {number, numbers};
  if (key == "datadog") {
    const bool second = provider["datadog"]["apiVersion"].asStringView() == "v2";
    return second ? std::vector{number, numbers} : std::vector{number};
  }
  if (key == "plugin/towpath/traffic") return {number};
  if (key == "influxdb" || key == "cloudWatch") return {list};
  if (key == "newRelic") return {Type{TypeKind::kMap}, list};
  if (key == "skywalking") return {Type{TypeKind::kMap}};
  return {};
}

std::optional<std::string> misfit(const expr::Expression& condition, const Type& type) {
  const Result<Type> given = condition.typeFor(type);
  if (!given) return given.error().message;
  if (!given->mayBe(TypeKind::kBool)) return fmt::format("expected bool, but got {}", toString(*given));
  return std::nullopt;
}

std::string typeNames(const std::vector<Type>& types) {
  std::vector<std::string> names;
  for (const Type& type : types) names.push_back(toString(type));
  return fmt::format("{}", fmt::join(names, " or "));
}

// A query that gives one number rather than a vector. Others may as well ("1 - scalar(…)"): then nothing is said.
bool mayBeScalar(std::string_view query) {
  return query.empty() || query.contains("scalar(") || query.contains("time()") || query.contains("{{") ||
         query.find_first_not_of("0123456789.+-*/() \n") == std::string_view::npos;
}

std::vector<Problem> conditionProblems(const std::string& text, const std::string& key, const Value& provider) {
  const Result<expr::Expression> parsed = expr::Expression::parse(text);
  if (!parsed) return {{Severity::kError, "", parsed.error().message}};
  const std::vector<Type> types = resultTypes(key, provider);
  if (types.empty()) {
    const std::optional<std::string> why = misfit(*parsed, Type{});
    return why ? std::vector<Problem>{{Severity::kError, "", *why}} : std::vector<Problem>{};
  }
  std::vector<std::optional<std::string>> misfits;
  for (const Type& type : types) misfits.push_back(misfit(*parsed, type));
  if (std::ranges::all_of(misfits, &std::optional<std::string>::has_value)) {
    return {{Severity::kError, "", fmt::format("{} ({} measures {})", *misfits.front(), key, typeNames(types))}};
  }
  if (key == "prometheus" && misfits.front() && !mayBeScalar(provider["prometheus"]["query"].asStringView())) {
    return {{Severity::kWarning, "",
             fmt::format("{}: a query for a vector measures []float64; write result[0], or scalar(…) around the query",
                         *misfits.front())}};
  }
  return {};
}

// The text with the known arguments in place, once for each guess of the others; once if there are no others.
std::vector<std::string> readings(const std::string& text, const api::ArgumentValues& known) {
  std::vector<std::string> found;
  const std::vector<Tag> tags = tagsOf(Value(text), "");
  for (const char* const guess : kGuesses) {
    api::ArgumentValues values = known;
    bool guessed = false;
    for (const Tag& tag : tags) {
      if (tag.text.starts_with("args.")) guessed |= values.emplace(tag.text.substr(5), guess).second;
    }
    const Result<Value> substituted = api::substituteArguments(Value(text), values);
    if (!substituted) return {};  // something else than an argument: found elsewhere
    found.push_back(substituted->asString());
    if (!guessed) break;
  }
  return found;
}

class MetricCheck {
 public:
  MetricCheck(const Value& metric, const api::ArgumentValues& known)
      : metric_(metric), known_(known), provider_(metric["provider"]), key_(providerKey(provider_)) {}

  std::vector<Problem> run() {
    conditions();
    web();
    datadog();
    rangeTimes();
    durations();
    substituted();
    return std::move(problems_);
  }

 private:
  using Judge = std::function<std::vector<Problem>(const std::string&)>;

  // The problems of the reading that has the least.
  void judge(const std::string& path, const Judge& problems) {
    const Value& value = json::fieldAt(metric_, path);
    if (!value.isString() || value.asStringView().empty()) return;
    std::optional<std::vector<Problem>> best;
    for (const std::string& text : readings(value.asString(), known_)) {
      std::vector<Problem> found = problems(text);
      if (!best || found.size() < best->size()) best = std::move(found);
    }
    for (Problem& problem : best.value_or(std::vector<Problem>{})) {
      problem.path = path;
      problems_.push_back(std::move(problem));
    }
  }

  void conditions() {
    const bool judged_elsewhere = key_ == "job" || key_ == "kayenta";
    for (const char* const name : {"successCondition", "failureCondition"}) {
      if (judged_elsewhere && !metric_[name].asStringView().empty()) {
        add(Severity::kWarning, name, fmt::format("a {} metric has its own verdict: no condition is looked at", key_));
        continue;
      }
      judge(name, [this](const std::string& text) { return conditionProblems(text, key_, provider_); });
    }
  }

  void web() {
    const Value& web = provider_["web"];
    if (key_ != "web") return;
    judge("provider.web.jsonPath", [](const std::string& text) -> std::vector<Problem> {
      if (const Result<json::Path> path = json::Path::parse(text); !path) {
        return {{Severity::kError, "", describe(path.error())}};
      }
      if (text.contains('{')) return {};
      return {{Severity::kWarning, "",
               fmt::format("other controllers take a path without braces for plain text: "
                           "write {{{}}}",
                           text)}};
    });
    judge("provider.web.url", [](const std::string& text) -> std::vector<Problem> {
      // An argument may be the whole of it.
      if (text.starts_with("http://") || text.starts_with("https://") || text.starts_with("x")) return {};
      return {{Severity::kError, "", fmt::format("\"{}\" is no http:// or https:// address", text)}};
    });
    const bool has_body = !web["body"].asStringView().empty();
    const bool has_json = !web["jsonBody"].isNull();
    if (has_body && has_json) {
      add(Severity::kError, "provider.web.jsonBody", "give either body or jsonBody, not both");
    }
    if ((has_body || has_json) && web["method"].asStringView("GET") == "GET") {
      add(Severity::kError, has_json ? "provider.web.jsonBody" : "provider.web.body",
          "a body needs method: POST or PUT");
    }
  }

  void datadog() {
    if (key_ != "datadog") return;
    const Value& datadog = provider_["datadog"];
    const bool one = !datadog["query"].asStringView().empty();
    const bool several = !datadog["queries"].asObject().empty();
    if (one == several) add(Severity::kError, "provider.datadog", "give either query or queries");
    if (datadog["apiVersion"].asStringView("v1") == "v1" && several) {
      add(Severity::kError, "provider.datadog.queries", "needs apiVersion: v2");
    }
  }

  void rangeTimes() {
    for (const char* const path : {"provider.prometheus.rangeQuery.start", "provider.prometheus.rangeQuery.end"}) {
      judge(path, [](const std::string& text) -> std::vector<Problem> {
        const Result<expr::Expression> parsed = expr::Expression::parse(text, expr::Names::kNone);
        if (!parsed) return {{Severity::kError, "", parsed.error().message}};
        const Result<Type> type = parsed->typeFor(Type{});
        if (type && type->mayBe(TypeKind::kTime)) return {};
        return {{Severity::kError, "", fmt::format("expected time.Time, but got {}", toString(type.value_or(Type{})))}};
      });
    }
  }

  void durations() {
    for (const char* const path :
         {"provider.prometheus.rangeQuery.step", "provider.datadog.interval", "provider.datadog.requestTimeout",
          "provider.cloudWatch.interval", "provider.skywalking.interval"}) {
      judge(path, [](const std::string& text) -> std::vector<Problem> {
        const Result<Duration> parsed = parseGoDuration(text);
        if (parsed && *parsed > Duration::zero()) return {};
        return {{Severity::kError, "", fmt::format("\"{}\" is no duration such as 30s or 5m", text)}};
      });
    }
    if (key_ == "skywalking" && provider_["skywalking"]["interval"].asStringView().empty()) {
      add(Severity::kError, "provider.skywalking.interval", "Required value: it has no default");
    }
  }

  // Counts and times that arguments make. Without arguments the rules see them as they are.
  void substituted() {
    if (tagsOf(metric_, "").empty()) return;
    const Result<Value> metric = api::substituteArguments(metric_, known_);
    if (!metric) return;  // an argument is open yet
    Value run;
    run["spec"]["metrics"] = Value(Array{*metric});
    for (const api::FieldError& error : api::validateAnalysis(run)) {
      add(Severity::kError, "", fmt::format("with its arguments: {}", error.message));
    }
  }

  void add(Severity severity, std::string path, std::string message) {
    problems_.push_back({severity, std::move(path), std::move(message)});
  }

  const Value& metric_;
  const api::ArgumentValues& known_;
  const Value& provider_;
  std::string key_;
  std::vector<Problem> problems_;
};

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

}  // namespace

std::vector<Problem> metricProblems(const Value& metric, const api::ArgumentValues& known) {
  return MetricCheck(metric, known).run();
}

std::vector<Tag> tagsOf(const Value& tree, const std::string& path) {
  std::vector<Tag> tags;
  const auto append = [&tags](std::vector<Tag> more) {
    tags.insert(tags.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  if (const std::string* text = tree.ifString()) {
    for (std::size_t at = text->find("{{"); at != std::string::npos; at = text->find("{{", at + 2)) {
      const std::size_t end = text->find("}}", at);
      if (end == std::string::npos) break;
      tags.push_back({path, trimmed(std::string_view(*text).substr(at + 2, end - at - 2))});
    }
  }
  for (std::size_t i = 0; i < tree.asArray().size(); ++i) append(tagsOf(tree[i], json::joinPath(path, i)));
  for (const auto& [key, member] : tree.asObject()) append(tagsOf(member, json::joinPath(path, key)));
  return tags;
}

}  // namespace towpath::lint
