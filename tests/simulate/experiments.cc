#include "simulate/experiments.h"

#include <fmt/format.h>

#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

constexpr const char* kHash = "rollouts-pod-template-hash";

Duration durationOf(const Value& experiment) {
  const Result<Duration> duration = parseGoDuration(experiment["spec"]["duration"].asString("0s"));
  return duration.value_or(Duration::zero());
}

}  // namespace

PlayedExperiments::PlayedExperiments(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario)
    : loop_(loop),
      api_(api),
      scenario_(scenario),
      random_(Random(scenario.seed).fork("experiments of " + scenario.ns)),
      agenda_(loop) {
  api_.listen([this](const cluster::MemoryApi::Change& change) { changed(change); });
}

const Value& PlayedExperiments::object(const std::string& name) const {
  return api_.peek(cluster::kExperiments, scenario_.ns, name);
}

void PlayedExperiments::changed(const cluster::MemoryApi::Change& change) {
  if (!(change.resource == cluster::kExperiments)) return;
  const Value& any = change.after.isNull() ? change.before : change.after;
  if (cluster::namespaceOf(any) != scenario_.ns) return;
  const std::string name(cluster::nameOf(any));
  if (change.after.isNull()) {
    played_.erase(name);
    agenda_.after(random_.between(10ms, 1s), [this, name] { clearUp(name); });
    return;
  }
  if (change.before.isNull()) {
    const Value& container = any["spec"]["templates"][1]["template"]["spec"]["containers"][0];
    const int version = versionOf(container["image"].asStringView());
    played_[name] = {scenario_.health(version), scenario_.quality(version)};
    // Nobody takes some of them up.
    if (scenario_.quality(version) == Quality::kHangs && random_.percent(50)) return;
    agenda_.after(random_.between(20ms, 3s), [this, name] { takeUp(name); });
  } else if (any["spec"]["terminate"].asBool() && !change.before["spec"]["terminate"].asBool()) {
    agenda_.after(random_.between(10ms, 2s), [this, name] { finish(name, "Successful", "terminated"); });
  }
}

void PlayedExperiments::write(const std::string& name, Value status) {
  (void)api_.patchNow(cluster::kExperiments, scenario_.ns, name, cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}});
}

Array PlayedExperiments::templateStatuses(const std::string& name, const char* code) {
  Array statuses;
  const bool runs = std::string_view(code) == "Running";
  for (const Value& one : object(name)["spec"]["templates"].asArray()) {
    const std::string part = one["name"].asString();
    Value status = Object{{"name", part}, {"status", code}, {"podTemplateHash", fmt::format("{}-{}", name, part)}};
    const std::int64_t pods = runs ? one["replicas"].asInt(1) : 0;
    for (const char* count : {"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"})
      status[count] = pods;
    if (one["service"].isObject() && runs) status["serviceName"] = fmt::format("{}-{}", name, part);
    statuses.push_back(std::move(status));
  }
  return statuses;
}

void PlayedExperiments::takeUp(const std::string& name) {
  const auto played = played_.find(name);
  if (played == played_.end() || played->second.over) return;
  write(name, Object{{"phase", "Pending"}, {"templateStatuses", templateStatuses(name, "Progressing")}});
  if (played->second.health == Health::kBroken) {
    const Duration deadline = std::chrono::seconds(object(name)["spec"]["progressDeadlineSeconds"].asInt(600));
    agenda_.after(deadline,
                  [this, name] { finish(name, "Failed", "a template exceeded its progressDeadlineSeconds"); });
    return;
  }
  const bool slow = played->second.health == Health::kSlow;
  agenda_.after(slow ? random_.between(20s, 50s) : random_.between(200ms, 8s), [this, name] { run(name); });
}

void PlayedExperiments::run(const std::string& name) {
  const auto played = played_.find(name);
  if (played == played_.end() || played->second.over) return;
  const Value before = object(name);
  for (const Value& one : before["spec"]["templates"].asArray()) {
    if (!one["service"].isObject()) continue;
    const std::string service = fmt::format("{}-{}", name, one["name"].asStringView());
    Value made = Object{{"apiVersion", "v1"}, {"kind", "Service"}};
    made["metadata"] = Object{{"name", service}, {"namespace", scenario_.ns}};
    made["spec"]["selector"] = Object{{kHash, service}};
    made["spec"]["ports"] = Array{Object{{"port", 80}}};
    services_[service] = name;
    (void)api_.createNow(cluster::kServices, std::move(made));
  }
  write(name, Object{{"phase", "Running"}, {"templateStatuses", templateStatuses(name, "Running")}});
  Duration takes = durationOf(before);
  const Quality quality = played->second.quality;
  if (quality == Quality::kHangs) takes += random_.between(2min, 8min);
  agenda_.after(takes, [this, name, quality] {
    switch (quality) {
      case Quality::kGood:
      case Quality::kHangs:
        return finish(name, "Successful", "");
      case Quality::kBad:
        return finish(name, "Failed", "too many errors");
      case Quality::kUnclear:
        return finish(name, "Inconclusive", "neither good nor bad");
      case Quality::kNoAnswer:
        return finish(name, "Error", "no answer");
    }
  });
}

void PlayedExperiments::finish(const std::string& name, const char* phase, const char* message) {
  const auto played = played_.find(name);
  if (played == played_.end() || played->second.over) return;
  played->second.over = true;
  write(name, Object{{"phase", phase}, {"message", message}});
  const Duration stays = std::chrono::seconds(object(name)["spec"]["scaleDownDelaySeconds"].asInt(30));
  agenda_.after(stays, [this, name] { clearUp(name); });
}

void PlayedExperiments::clearUp(const std::string& name) {
  std::erase_if(services_, [&](const auto& service) {
    if (service.second != name) return false;
    (void)api_.removeNow(cluster::kServices, scenario_.ns, service.first);
    return true;
  });
}

}  // namespace towpath::simulate
