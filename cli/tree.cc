#include "cli/tree.h"

#include <fmt/format.h>

#include <algorithm>

namespace towpath::cli {
namespace {

std::string podIcon(std::string_view status) {
  if (status.starts_with("Init:") || status == "Pending" || status == "Terminating" || status == "ContainerCreating")
    return "◌";
  if (status == "Running" || status == "Completed" || status == "Succeeded") return "✔";
  if (status == "Failed" || status == "InvalidImageName" || status == "CrashLoopBackOff" ||
      status.starts_with("Signal:") || status.starts_with("ExitCode:")) {
    return "✖";
  }
  if (status.ends_with("Error") || status.starts_with("Err") || status == "ImagePullBackOff" ||
      status == "RegistryUnavailable")
    return "⚠";
  return status == "Unknown" ? "?" : " ";
}

struct Icon {
  std::string icon, text;
};

Icon replicaSetStatus(const Value& set) {
  const Value& status = set["status"];
  for (const Value& condition : status["conditions"].asArray()) {
    if (condition["type"].asStringView() == "ReplicaFailure" && condition["status"].asStringView() == "True") {
      return {"✖", "ReplicaFailure"};
    }
  }
  const std::int64_t wanted = set["spec"]["replicas"].asInt(1);
  const bool behind = status["observedGeneration"].asInt() < set["metadata"]["generation"].asInt();
  if (behind || status["availableReplicas"].asInt() < wanted) return {"◌", "Progressing"};
  if (wanted == 0) return {"•", "ScaledDown"};
  return {"✔", "Healthy"};
}

std::string runCounts(const Value& run) {
  static constexpr std::pair<const char*, const char*> kCounters[] = {
      {"✔", "successful"}, {"✖", "failed"}, {"?", "inconclusive"}, {"⚠", "error"}};
  std::vector<std::string> counts;
  for (const auto& [icon, member] : kCounters) {
    std::int64_t total = 0;
    for (const Value& metric : run["status"]["metricResults"].asArray()) total += metric[member].asInt();
    if (total > 0) counts.push_back(fmt::format("{} {}", icon, total));
  }
  return fmt::format("{}", fmt::join(counts, ","));
}

// Reason of a container that is not simply running.
std::string containerReason(const Value& state) {
  if (state["waiting"].isObject()) return state["waiting"]["reason"].asString();
  const Value& ended = state["terminated"];
  if (!ended.isObject()) return "";
  if (const std::string reason = ended["reason"].asString(); !reason.empty()) return reason;
  if (ended["signal"].asInt() != 0) return fmt::format("Signal:{}", ended["signal"].asInt());
  return fmt::format("ExitCode:{}", ended["exitCode"].asInt());
}

}  // namespace

Paint paintOfRole(std::string_view role) {
  if (role == "stable" || role == "active") return Paint::kGreen;
  if (role == "canary") return Paint::kYellow;
  return Paint::kBlue;
}

Paint paintOfIcon(std::string_view icon) {
  if (icon == "✔") return Paint::kGreen;
  if (icon == "✖" || icon == "⚠") return Paint::kRed;
  if (icon == "◌") return Paint::kBlue;
  if (icon == "?" || icon == "◷") return Paint::kYellow;
  return Paint::kNone;
}

std::string analysisIcon(std::string_view phase) {
  if (phase == "Successful") return "✔";
  if (phase == "Failed") return "✖";
  if (phase == "Error") return "⚠";
  if (phase == "Inconclusive") return "?";
  if (phase == "Running") return "◌";
  if (phase == "Pending") return "◷";
  return " ";
}

std::string nameOf(const Value& object) { return object["metadata"]["name"].asString(); }

void addImages(ImageTags& tags, const Value& set, const std::vector<std::string>& roles) {
  if (set["spec"]["replicas"].asInt(1) == 0) return;
  for (const Value& container : set["spec"]["template"]["spec"]["containers"].asArray())
    tags[container["image"].asString()].insert(roles.begin(), roles.end());
}

void addImages(ImageTags& tags, const ExperimentWorld& world) {
  for (const Value& set : world.replica_sets) {
    const std::string name = set["metadata"]["annotations"]["experiment.argoproj.io/template-name"].asString();
    addImages(tags, set, {"Σ:" + name});
  }
}

std::string imageLines(const ImageTags& tags, const Painter& painter) {
  std::string lines;
  for (const auto& [image, roles] : tags) {
    std::vector<std::string> painted;
    for (const std::string& role : roles) painted.push_back(painter.paint(role, paintOfRole(role)));
    const std::string suffix = painted.empty() ? "" : fmt::format(" ({})", fmt::join(painted, ", "));
    lines += labelled(lines.empty() ? "Images:" : "", image + suffix);
  }
  return lines;
}

void sortByAge(std::vector<const Value*>& objects) {
  std::sort(objects.begin(), objects.end(), [](const Value* a, const Value* b) {
    const auto key = [](const Value* v) {
      return std::pair((*v)["metadata"]["creationTimestamp"].asString(), nameOf(*v));
    };
    return key(a) < key(b);
  });
}

std::string Tree::age(const Value& object) const {
  const auto created = parseRfc3339(object["metadata"]["creationTimestamp"].asStringView());
  return created ? formatAge(now_ - *created) : "";
}

void Tree::add(const Place& place, std::string_view icon, std::string_view name, std::vector<std::string> rest) {
  rest.insert(rest.begin(), fmt::format("{}{} {}", place.branch, icon, name));
  rest.resize(5);
  table_.add(std::move(rest));
}

void Tree::addReplicaSet(const Place& place, const Value& set, const std::vector<Value>& all_pods,
                         const std::vector<std::string>& roles) {
  const Icon status = replicaSetStatus(set);
  std::vector<std::string> info;
  for (const std::string& role : roles) info.push_back(painter_.paint(role, paintOfRole(role)));
  if (const std::string deadline = set["metadata"]["annotations"]["scale-down-deadline"].asString();
      !deadline.empty()) {
    const auto at = parseRfc3339(deadline);
    info.push_back(at && *at > now_ ? "delay:" + formatAge(*at - now_) : "delay:passed");
  }
  const Paint paint = roles.empty() ? Paint::kNone : paintOfRole(roles.front());
  add(place, "⧉", painter_.paint(nameOf(set), paint),
      {"ReplicaSet", painter_.paint(status.icon, paintOfIcon(status.icon)) + " " + status.text, age(set),
       fmt::format("{}", fmt::join(info, ","))});
  std::vector<const Value*> pods;
  for (const Value& pod : all_pods) {
    if (isOwnedBy(pod, set["metadata"]["uid"].asStringView())) pods.push_back(&pod);
  }
  std::sort(pods.begin(), pods.end(), [](const Value* a, const Value* b) { return nameOf(*a) < nameOf(*b); });
  for (std::size_t i = 0; i < pods.size(); ++i) addPod(below(place, i + 1 == pods.size()), *pods[i]);
}

void Tree::addPod(const Place& place, const Value& pod) {
  const std::string status = podStatus(pod);
  const std::string icon = podIcon(status);
  std::int64_t ready = 0;
  std::int64_t restarts = 0;
  for (const Value& container : pod["status"]["containerStatuses"].asArray()) {
    ready += container["ready"].asBool() ? 1 : 0;
    restarts += container["restartCount"].asInt();
  }
  std::string info = fmt::format("ready:{}/{}", ready, pod["spec"]["containers"].asArray().size());
  if (restarts > 0) info += fmt::format(",restarts:{}", restarts);
  if (const std::string node = pod["spec"]["nodeName"].asString(); !node.empty()) info += ",node:" + node;
  add(place, "□", nameOf(pod), {"Pod", painter_.paint(icon, paintOfIcon(icon)) + " " + status, age(pod), info});
}

void Tree::addAnalysisRun(const Place& place, const Value& run) {
  const std::string phase = run["status"]["phase"].asString();
  const std::string icon = analysisIcon(phase);
  const Paint paint = phase == "Running" || phase == "Pending" ? Paint::kBlue : Paint::kNone;
  add(place, "α", painter_.paint(nameOf(run), paint),
      {"AnalysisRun", painter_.paint(icon, paintOfIcon(icon)) + " " + phase, age(run), runCounts(run)});
}

void Tree::addExperiment(const Place& place, const ExperimentWorld& world) {
  const Value& experiment = world.experiment;
  const std::string phase = experiment["status"]["phase"].asString();
  const std::string icon = analysisIcon(phase);
  const Paint paint = phase == "Running" || phase == "Pending" ? Paint::kBlue : Paint::kNone;
  add(place, "Σ", painter_.paint(nameOf(experiment), paint),
      {"Experiment", painter_.paint(icon, paintOfIcon(icon)) + " " + phase, age(experiment)});
  std::vector<const Value*> sets, runs;
  for (const Value& set : world.replica_sets) sets.push_back(&set);
  for (const Value& run : world.analysis_runs) runs.push_back(&run);
  sortByAge(sets);
  sortByAge(runs);
  std::size_t left = sets.size() + runs.size();
  for (const Value* set : sets) addReplicaSet(below(place, --left == 0), *set, world.pods, {});
  for (const Value* run : runs) addAnalysisRun(below(place, --left == 0), *run);
}

std::string podStatus(const Value& pod) {
  const Value& status = pod["status"];
  if (pod["metadata"]["deletionTimestamp"].isString()) return "Terminating";
  std::size_t done = 0;
  const Array& init = status["initContainerStatuses"].asArray();
  for (const Value& container : init) {
    const Value& ended = container["state"]["terminated"];
    if (ended.isObject() && ended["exitCode"].asInt() == 0) {
      ++done;
      continue;
    }
    const std::string reason = containerReason(container["state"]);
    if (!reason.empty() && reason != "PodInitializing" && reason != "ContainerCreating") return "Init:" + reason;
    return fmt::format("Init:{}/{}", done, init.size());
  }
  for (const Value& container : status["containerStatuses"].asArray()) {
    if (const std::string reason = containerReason(container["state"]); !reason.empty()) return reason;
  }
  if (const std::string reason = status["reason"].asString(); !reason.empty()) return reason;
  return status["phase"].asString("Pending");
}

bool isOwnedBy(const Value& object, std::string_view owner_uid) {
  for (const Value& owner : object["metadata"]["ownerReferences"].asArray()) {
    if (owner["uid"].asStringView() == owner_uid) return true;
  }
  return false;
}

}  // namespace towpath::cli
