#include <algorithm>
#include <charconv>

#include "api/decode.h"
#include "api/go_fields.h"
#include "api/validate_parts.h"
#include "base/int_or_percent.h"
#include "base/time.h"
#include "json/field.h"

namespace towpath::api {

namespace {

bool isSet(const Value& object, std::string_view field) { return !object[field].isNull(); }

bool hasAny(const Value& routing, std::initializer_list<std::string_view> routers) {
  return std::any_of(routers.begin(), routers.end(), [&](std::string_view router) {
    return router == "plugins" ? !routing["plugins"].asObject().empty() : isSet(routing, router);
  });
}

// A struct as the peer shows it.
FieldError invalidStruct(const std::string& path, const Value& value, std::string_view type, std::string_view detail) {
  if (value.isNull()) return invalidValue(path, Value("null"), detail);
  std::string text;
  appendAsGo(value, type, text);
  return {FieldErrorKind::kInvalid, path, fmt::format("Invalid value: {}: {}", text, detail)};
}

std::optional<std::int64_t> wholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// Zero however many pods there are.
bool isZero(const Value& value) {
  if (value.isNull()) return false;  // 25 %
  std::string_view text = value.asStringView();
  if (!value.isString()) return value.asInt() == 0;
  if (text.ends_with('%')) text.remove_suffix(1);
  return wholeNumber(text).value_or(0) == 0;
}

// Seconds; -1 for what can't be read.
std::int64_t pauseSeconds(const Value& duration) {
  if (!duration.isString()) return duration.asInt(-1);
  const std::string_view text = duration.asStringView();
  if (const std::optional<std::int64_t> seconds = wholeNumber(text)) return *seconds;
  const Result<Duration> parsed = parseGoDuration(text);
  return parsed ? std::chrono::duration_cast<std::chrono::seconds>(*parsed).count() : -1;
}

class CanaryCheck {
 public:
  CanaryCheck(const Value& canary, const std::string& path, FieldErrors& errors)
      : canary_(canary), routing_(canary["trafficRouting"]), path_(path), errors_(errors) {}

  void run();

 private:
  void services();
  void pingPong();
  void scaling();
  void step(const Value& step, const std::string& path);
  void stepKinds(const Value& step, const std::string& path);
  void headerRoute(const Value& route, const std::string& path);
  void mirrorRoute(const Value& route, const std::string& path);
  void stringMatch(const Value& match, const std::string& path);
  void managedRoute(const Value& route, const std::string& path);
  void experimentTemplates(const Value& experiment, const std::string& path);
  void arguments(const Value& step, const std::string& path);

  void invalid(std::string path, const Value& value, std::string_view detail) {
    errors_.push_back(invalidValue(std::move(path), value, detail));
  }
  bool isRouted() const { return routing_.isObject(); }

  const Value& canary_;
  const Value& routing_;
  const std::string& path_;
  FieldErrors& errors_;
};

void CanaryCheck::run() {
  if (isZero(canary_["maxSurge"]) && isZero(canary_["maxUnavailable"])) {
    invalid(path_ + ".maxSurge", canary_["maxSurge"], "MaxSurge and MaxUnavailable both can not be zero");
  }
  services();
  scaling();
  const Array& steps = canary_["steps"].asArray();
  for (std::size_t i = 0; i < steps.size(); ++i) step(steps[i], json::joinPath(path_ + ".steps", i));
  validateAntiAffinity(canary_["antiAffinity"], path_ + ".antiAffinity", errors_);
}

void CanaryCheck::services() {
  const Value stable(canary_["stableService"].asString());
  const Value canary(canary_["canaryService"].asString());
  const bool has_stable = !stable.asStringView().empty();
  const bool has_canary = !canary.asStringView().empty();
  if (has_stable && has_canary && stable == canary) {
    invalid(path_ + ".stableService", stable,
            "This rollout uses the same service for the stable and canary services, but two different services are "
            "required.");
  }
  if (canary_["pingPong"].isObject()) pingPong();
  const bool has_ping_pong = canary_["pingPong"].isObject();
  const bool istio_by_host = isSet(routing_, "istio") && !isSet(routing_["istio"], "destinationRule");
  const bool needs_both = (!has_ping_pong && (isSet(routing_, "alb") || istio_by_host)) ||
                          hasAny(routing_, {"smi", "apisix", "ambassador", "nginx", "appMesh", "traefik"});
  constexpr std::string_view kDetail = "Canary service and Stable service must to be set to use Traffic Routing";
  if (needs_both && !has_stable) invalid(path_ + ".stableService", stable, kDetail);
  if (needs_both && !has_canary) invalid(path_ + ".canaryService", canary, kDetail);
}

void CanaryCheck::pingPong() {
  const Value ping(canary_["pingPong"]["pingService"].asString());
  const Value pong(canary_["pingPong"]["pongService"].asString());
  if (isRouted() && !hasAny(routing_, {"alb", "istio", "plugins"})) {
    invalid(path_ + ".trafficRouting.alb", Value("null"),
            "Ping-pong feature works with the ALB, Istio, and plugin-based traffic routers only");
  }
  constexpr std::string_view kMissing = "Ping service and Pong service must to be set to use Ping-Pong feature";
  if (ping.asStringView().empty()) invalid(path_ + ".pingPong.pingService", ping, kMissing);
  if (pong.asStringView().empty()) invalid(path_ + ".pingPong.pongService", pong, kMissing);
  if (ping == pong) {
    invalid(
        path_ + ".pingPong.pingService", ping,
        "This rollout uses the same service for the ping and pong services, but two different services are required.");
  }
  if (isSet(routing_, "alb") && routing_["alb"]["rootService"].asStringView().empty()) {
    invalid(path_ + ".trafficRouting.alb.rootService", Value(""),
            "Root service field is required for the configuration with ALB and ping-pong feature enabled");
  }
}

void CanaryCheck::scaling() {
  const Value& delay = canary_["scaleDownDelaySeconds"];
  const bool is_dynamic = canary_["dynamicStableScale"].asBool();
  if (!isRouted()) {
    if (!delay.isNull()) {
      invalid(path_ + ".scaleDownDelaySeconds", delay,
              "Canary scaleDownDelaySeconds can only be used with traffic routing");
    }
    if (is_dynamic) {
      invalid(path_ + ".dynamicStableScale", Value(true),
              "Canary dynamicStableScale can only be used with traffic routing");
    }
    return;
  }
  if (!delay.isNull() && is_dynamic) {
    invalid(path_ + ".dynamicStableScale", Value(true),
            "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds");
  }
  if (isSet(routing_, "maxTrafficWeight") && !hasAny(routing_, {"nginx", "plugins"})) {
    invalid(path_ + ".trafficRouting.maxTrafficWeight", routing_["maxTrafficWeight"],
            "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins");
  }
}

void CanaryCheck::step(const Value& step, const std::string& path) {
  stepKinds(step, path);
  const std::int32_t max_weight = intOr(routing_["maxTrafficWeight"], 100);
  const std::optional<std::int32_t> weight = optionalInt(step["setWeight"]);
  if (weight && (*weight < 0 || *weight > max_weight)) {
    invalid(path + ".setWeight", step["setWeight"], fmt::format("SetWeight needs to be between 0 and {}", max_weight));
  }
  if (const Value& duration = step["pause"]["duration"]; !duration.isNull() && pauseSeconds(duration) < 0) {
    invalid(path + ".pause.duration", Value(static_cast<long long>(pauseSeconds(duration))),
            "Duration needs to be greater than 0");
  }
  if (isSet(step, "setCanaryScale") && !isRouted()) {
    errors_.push_back(requiredValue(path_ + ".trafficRouting", "SetCanaryScale requires TrafficRouting to be set"));
  }
  const Value& header = step["setHeaderRoute"];
  const Value& mirror = step["setMirrorRoute"];
  if (!header.isNull()) headerRoute(header, path + ".setHeaderRoute");
  if (!mirror.isNull()) mirrorRoute(mirror, path + ".setMirrorRoute");
  if (isRouted() && (!header.isNull() || !mirror.isNull()) && !isSet(routing_, "managedRoutes")) {
    errors_.push_back(requiredValue(path_ + ".trafficRouting.managedRoutes",
                                    "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"));
  }
  if (!header.isNull()) managedRoute(header, path + ".setHeaderRoute");
  if (!mirror.isNull()) managedRoute(mirror, path + ".setMirrorRoute");
  experimentTemplates(step["experiment"], path + ".experiment");
  arguments(step, path);
}

void CanaryCheck::stepKinds(const Value& step, const std::string& path) {
  constexpr std::string_view kDetail =
      "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
  const bool experiment = isSet(step, "experiment");
  const bool pause = isSet(step, "pause");
  const bool weight = isSet(step, "setWeight");
  const bool analysis = isSet(step, "analysis");
  if (int{experiment} + int{pause} + int{weight} + int{analysis} > 1) {
    invalid(path,
            Value(fmt::format("step.Experiment: {} step.Pause: {} step.SetWeight: {} step.Analysis: {}", experiment,
                              pause, weight, analysis)),
            kDetail);
  }
  const bool has_other = isSet(step, "setCanaryScale") || isSet(step, "setHeaderRoute") ||
                         isSet(step, "setMirrorRoute") || isSet(step, "plugin");
  if (experiment || pause || weight || analysis || has_other) return;
  // The peer shows which of them are missing, which here is all.
  invalid(
      path,
      Value("step.Experiment: true step.Pause: true step.SetWeight: true step.Analysis: true step.SetCanaryScale: true "
            "step.SetHeaderRoute: true step.SetMirrorRoute: true step.Plugin: true"),
      kDetail);
}

void CanaryCheck::headerRoute(const Value& route, const std::string& path) {
  if (!hasAny(routing_, {"istio", "alb", "apisix", "plugins"})) {
    errors_.push_back(invalidStruct(path, route, "SetHeaderRoute",
                                    "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix"));
    return;
  }
  const Array& matches = route["match"].asArray();
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const std::string match_path = json::joinPath(path + ".match", i);
    const Value& match = matches[i]["headerValue"];
    if (!isSet(routing_, "alb")) {
      stringMatch(match, match_path);
      continue;
    }
    const bool is_exact = !match["exact"].asStringView().empty() && match["regex"].asStringView().empty() &&
                          match["prefix"].asStringView().empty();
    if (!is_exact) {
      errors_.push_back(invalidStruct(match_path, match, "StringMatch",
                                      "SetHeaderRoute match value invalid. ALB supports 'exact' value only"));
    }
  }
}

void CanaryCheck::mirrorRoute(const Value& route, const std::string& path) {
  if (!hasAny(routing_, {"istio", "plugins"})) {
    errors_.push_back(invalidStruct(path, route, "SetMirrorRoute",
                                    "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins"));
  }
  const Array& matches = route["match"].asArray();
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const std::string match_path = json::joinPath(path + ".match", i);
    for (const char* part : {"method", "path"}) {
      if (isSet(matches[i], part)) stringMatch(matches[i][part], match_path);
    }
  }
}

void CanaryCheck::stringMatch(const Value& match, const std::string& path) {
  int count = 0;
  for (const char* kind : {"exact", "regex", "prefix"}) count += match[kind].asStringView().empty() ? 0 : 1;
  if (count == 1) return;
  errors_.push_back(invalidStruct(
      path, match, "StringMatch",
      count == 0 ? "StringMatch value missed, match value must have one of the following: exact, regex, prefix"
                 : "StringMatch match value must have exactly one of the following: exact, regex, prefix"));
}

void CanaryCheck::managedRoute(const Value& route, const std::string& path) {
  if (!isSet(routing_, "managedRoutes")) return;
  const Array& managed = routing_["managedRoutes"].asArray();
  const Value name(route["name"].asString());
  if (std::any_of(managed.begin(), managed.end(), [&](const Value& known) { return known["name"] == name; })) return;
  invalid(path, name, "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes");
}

void CanaryCheck::experimentTemplates(const Value& experiment, const std::string& path) {
  const Array& templates = experiment["templates"].asArray();
  for (std::size_t i = 0; i < templates.size(); ++i) {
    const std::string template_path = json::joinPath(path + ".templates", i);
    // The peer notices it only when the step has come.
    const std::string_view ref = templates[i]["specRef"].asStringView();
    if (!ref.empty() && ref != "canary" && ref != "stable")
      invalid(template_path + ".specRef", templates[i]["specRef"], "specRef must be canary or stable");
    const Value& weight = templates[i]["weight"];
    if (weight.isNull()) continue;
    const std::string weight_path = template_path + ".weight";
    if (!isRouted()) {
      invalid(weight_path, weight, "Experiment template weight cannot be set unless TrafficRouting is enabled");
    } else if (!hasAny(routing_, {"alb", "smi", "istio", "plugins"})) {
      invalid(
          weight_path, weight,
          "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this "
          "time");
    }
  }
}

// The parts of an object's metadata that the downward API knows.
bool isMetadataPath(std::string_view path) {
  for (const std::string_view plain :
       {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"}) {
    if (path == plain) return true;
  }
  const bool is_entry = path.starts_with("metadata.labels['") || path.starts_with("metadata.annotations['");
  return is_entry && path.ends_with("']");
}

void CanaryCheck::arguments(const Value& step, const std::string& path) {
  Array all;
  for (const Value& analysis : step["experiment"]["analyses"].asArray()) {
    for (const Value& argument : analysis["args"].asArray()) all.push_back(argument);
  }
  for (const Value& argument : step["analysis"]["args"].asArray()) all.push_back(argument);
  for (const Value& argument : all) {
    const std::string_view field = argument["valueFrom"]["fieldRef"]["fieldPath"].asStringView();
    if (!field.starts_with("metadata") || isMetadataPath(field)) continue;
    errors_.push_back(invalidStruct(path + ".analyses", Value(all), "[]AnalysisRunArgument",
                                    "Analyses arguments must refer to valid object metadata supported by downwardAPI"));
  }
}

}  // namespace

void validateCanary(const Value& rollout, const std::string& path, FieldErrors& errors) {
  CanaryCheck(rollout["spec"]["strategy"]["canary"], path, errors).run();
}

}  // namespace towpath::api
