#include "play/analysis_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/analysis_run_spec.h"
#include "api/analysis_view.h"
#include "api/schema.h"
#include "api/validate.h"
#include "base/base64.h"
#include "engine/analysis/validate.h"
#include "play/manifests.h"

namespace towpath::play {
namespace {

std::string_view kindOf(const Value& object) { return object["kind"].asStringView(); }
std::string_view nameOf(const Value& object) { return object["metadata"]["name"].asStringView(); }

bool isTemplate(const Value& object) {
  return kindOf(object) == "AnalysisTemplate" || kindOf(object) == "ClusterAnalysisTemplate";
}

bool isAnalysis(const Value& object) { return isTemplate(object) || kindOf(object) == "AnalysisRun"; }

std::unexpected<Error> refuse(const Value& object, const std::string& what) {
  return fail(ErrorKind::kInvalid, fmt::format("{} \"{}\": {}", kindOf(object), nameOf(object), what));
}

bool refersTo(const Value& outer, const Value& inner) {
  return std::ranges::any_of(outer["spec"]["templates"].asArray(), [&](const Value& ref) {
    return ref["templateName"].asStringView() == nameOf(inner) &&
           ref["clusterScope"].asBool() == (kindOf(inner) == "ClusterAnalysisTemplate");
  });
}

Result<Value> choose(const std::vector<Value>& objects, std::string_view name) {
  std::vector<const Value*> found;
  for (const Value& object : objects) {
    if (!isAnalysis(object) || (!name.empty() && nameOf(object) != name)) continue;
    const bool nested = std::ranges::any_of(
        objects, [&](const Value& other) { return isTemplate(other) && &other != &object && refersTo(other, object); });
    if (!nested || !name.empty()) found.push_back(&object);
  }
  if (found.empty()) {
    return fail(ErrorKind::kInvalid,
                name.empty() ? "there is no AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun"
                             : fmt::format("there is no analysis \"{}\"", name),
                "-f");
  }
  if (found.size() > 1) {
    return fail(ErrorKind::kInvalid, fmt::format("there are {} analyses: name the one that is meant ({}, {}, …)",
                                                 found.size(), nameOf(*found[0]), nameOf(*found[1])));
  }
  return *found.front();
}

Result<void> check(Value& object) {
  const Value& schema = schemaOf(kindOf(object));
  const std::vector<std::string> unknown = api::findUnknownFields(schema, object, api::UnknownFields::kKeep);
  if (!unknown.empty()) return refuse(object, fmt::format("unknown field \"{}\"", unknown.front()));
  api::applyDefaults(schema, object);
  api::FieldErrors errors = api::validateSchema(schema, object);
  if (errors.empty()) errors = api::validateAnalysis(object);
  if (!errors.empty()) return refuse(object, api::describe(errors.front()));
  return {};
}

// The spec of the run, arguments not yet in place.
Result<Value> runSpec(const Value& chosen, const std::vector<Value>& objects, const api::ArgumentValues& given) {
  std::vector<model::Argument> incoming;
  for (const auto& [name, value] : given) incoming.push_back({.name = name, .value = value});
  if (!isTemplate(chosen)) {
    Value spec = chosen["spec"];
    const auto merged = api::mergeArguments(api::decodeAnalysisRunSpec(chosen).args, incoming);
    if (!merged) return std::unexpected(merged.error());
    Array args;
    for (const model::Argument& argument : *merged) args.push_back(api::encodeArgument(argument));
    spec["args"] = std::move(args);
    return spec;
  }
  model::AnalysisRef reference;
  reference.templates.push_back({std::string(nameOf(chosen)), kindOf(chosen) == "ClusterAnalysisTemplate"});
  reference.args = std::move(incoming);
  return api::makeRunSpec(Value(), reference, {}, [&objects](const model::TemplateRef& ref) {
    const char* const kind = ref.cluster_scope ? "ClusterAnalysisTemplate" : "AnalysisTemplate";
    const auto found = std::ranges::find_if(
        objects, [&](const Value& object) { return kindOf(object) == kind && nameOf(object) == ref.name; });
    return found == objects.end() ? Value() : *found;
  });
}

std::optional<std::string> secretValue(const model::SecretKeyRef& wanted, const SecretTexts& texts) {
  const auto secret = texts.find(wanted.name);
  if (secret == texts.end()) return std::nullopt;
  const auto value = secret->second.find(wanted.key);
  return value == secret->second.end() ? std::nullopt : std::optional(value->second);
}

Result<api::ArgumentValues> valuesOf(const Value& spec, const api::ArgumentValues& given, Secrets secrets,
                                     const SecretTexts& texts) {
  api::ArgumentValues values;
  for (const Value& entry : spec["args"].asArray()) {
    model::Argument argument = api::decodeArgument(entry);
    if (!argument.value && argument.secret) argument.value = secretValue(*argument.secret, texts);
    const bool stands_in = argument.secret && secrets == Secrets::kStandIn;
    if (!argument.value && !stands_in) {
      return fail(ErrorKind::kInvalid,
                  fmt::format("the argument \"{}\" comes from elsewhere: give it with --arg {}=VALUE{}", argument.name,
                              argument.name, argument.secret ? ", or its Secret with -f" : ""));
    }
    values[argument.name] = argument.value.value_or("(secret)");
  }
  for (const auto& [name, value] : given) {
    if (values.contains(name)) continue;
    return fail(ErrorKind::kInvalid, fmt::format("no argument \"{}\" is declared", name), "--arg");
  }
  return values;
}

}  // namespace

Result<AnalysisSpec> analysisOf(std::vector<Value> objects, std::string_view name, const api::ArgumentValues& given,
                                Secrets secrets) {
  for (Value& object : objects) {
    if (!isAnalysis(object)) continue;
    if (Result<void> checked = check(object); !checked) return std::unexpected(checked.error());
  }
  const Result<Value> chosen = choose(objects, name);
  if (!chosen) return std::unexpected(chosen.error());
  Result<Value> spec = runSpec(*chosen, objects, given);
  if (!spec) {
    const bool open = spec.error().message.ends_with("was not resolved");
    return refuse(*chosen, spec.error().message + (open ? ": give it with --arg NAME=VALUE" : ""));
  }
  const Result<SecretTexts> texts = secrets == Secrets::kMustBeGiven ? secretsOf(objects) : SecretTexts();
  if (!texts) return std::unexpected(texts.error());
  const Result<api::ArgumentValues> values = valuesOf(*spec, given, secrets, *texts);
  if (!values) return refuse(*chosen, describe(values.error()));
  const Result<Value> metrics = api::substituteArguments((*spec)["metrics"], *values);
  if (!metrics) return refuse(*chosen, metrics.error().message);
  Value run;
  run["spec"] = *spec;
  run["spec"]["metrics"] = *metrics;
  AnalysisSpec made{std::string(nameOf(*chosen)), api::decodeAnalysisRunSpec(run), *metrics, *std::move(spec)};
  made.run.terminate = false;
  if (const auto invalid = analysis::invalidMetrics(made.run.metrics)) return refuse(*chosen, *invalid);
  return made;
}

Result<SecretTexts> secretsOf(const std::vector<Value>& objects) {
  SecretTexts texts;
  for (const Value& object : objects) {
    if (kindOf(object) != "Secret") continue;
    auto& values = texts[std::string(nameOf(object))];
    for (const auto& [key, encoded] : object["data"].asObject()) {
      std::optional<std::string> text = decodeBase64(encoded.asStringView());
      if (!text) return refuse(object, fmt::format("data.{} is not base64; plain text belongs in stringData", key));
      values[key] = *std::move(text);
    }
    for (const auto& [key, text] : object["stringData"].asObject()) values[key] = text.asString();
  }
  return texts;
}

Result<std::pair<std::string, std::string>> parseArgument(std::string_view text) {
  const std::size_t end = text.find('=');
  if (end == std::string_view::npos || end == 0) {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is not NAME=VALUE", text), "--arg");
  }
  return std::pair(std::string(text.substr(0, end)), std::string(text.substr(end + 1)));
}

}  // namespace towpath::play
