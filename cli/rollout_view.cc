#include "cli/rollout_view.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/text.h"

namespace towpath::cli {
namespace {

constexpr std::string_view kHashLabel = "rollouts-pod-template-hash";
constexpr std::string_view kRevision = "rollout.argoproj.io/revision";

std::int64_t revisionOf(const Value& object) {
  return std::atoll(object["metadata"]["annotations"][kRevision].asString("0").c_str());
}
std::string nameOf(const Value& object) { return object["metadata"]["name"].asString(); }
std::string_view hashOf(const Value& object) { return object["metadata"]["labels"][kHashLabel].asStringView(); }
bool isCanary(const Value& rollout) { return rollout["spec"]["strategy"]["canary"].isObject(); }

// Which roles a replica set plays. In a canary a set that is stable and canary at once is only "stable".
std::vector<std::string> rolesOf(const Value& rollout, std::string_view hash) {
  const Value& status = rollout["status"];
  std::vector<std::string> roles;
  if (hash.empty()) return roles;
  const bool stable = hash == status["stableRS"].asStringView();
  if (isCanary(rollout)) {
    if (stable)
      roles.emplace_back("stable");
    else if (hash == status["currentPodHash"].asStringView())
      roles.emplace_back("canary");
    const std::string ping_pong = status["canary"]["stablePingPong"].asString();
    if (!ping_pong.empty() && !roles.empty()) {
      roles.emplace_back((ping_pong == "ping") == stable ? "ping" : "pong");
    }
    return roles;
  }
  if (stable) roles.emplace_back("stable");
  if (hash == status["blueGreen"]["activeSelector"].asStringView()) roles.emplace_back("active");
  if (hash == status["blueGreen"]["previewSelector"].asStringView() &&
      hash != status["blueGreen"]["activeSelector"].asStringView()) {
    roles.emplace_back("preview");
  }
  return roles;
}

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

class View {
 public:
  View(const RolloutWorld& world, WallTime now, Colour colour) : world_(world), now_(now), painter_(colour) {}

  std::string render() {
    header();
    images();
    replicas();
    out_ += "\n";
    table();
    return std::move(out_);
  }

 private:
  void line(std::string_view label, std::string_view value) { out_ += fmt::format("{:<17}{}\n", label, value); }

  void header() {
    const Value& rollout = world_.rollout;
    const Value& status = rollout["status"];
    const std::string phase = status["phase"].asString("Progressing");
    const std::string icon = phaseIcon(phase);
    line("Name:", nameOf(rollout));
    line("Namespace:", rollout["metadata"]["namespace"].asString());
    line("Status:", painter_.paint(icon, paintOfIcon(icon)) + " " + phase);
    if (const std::string message = status["message"].asString(); !message.empty()) line("Message:", message);
    line("Strategy:", isCanary(rollout) ? "Canary" : "BlueGreen");
    if (!isCanary(rollout)) return;
    const RolloutSummary summary = summarize(rollout);
    if (summary.step != "-") line("  Step:", summary.step);
    line("  SetWeight:", summary.set_weight);
    line("  ActualWeight:", actualWeight());
  }

  // Without traffic routing the weight is the canary's share of available pods; with it, what was set at the router.
  std::string actualWeight() const {
    const Value& rollout = world_.rollout;
    const Value& status = rollout["status"];
    const Value& canary = rollout["spec"]["strategy"]["canary"];
    const std::int64_t steps = static_cast<std::int64_t>(canary["steps"].asArray().size());
    const std::int64_t max = canary["trafficRouting"]["maxTrafficWeight"].asInt(100);
    const std::int64_t available = status["availableReplicas"].asInt();
    if (steps > 0 && status["currentStepIndex"].asInt() >= steps) return std::to_string(max);
    if (available == 0) return "0";
    if (canary["trafficRouting"].isObject()) {
      const Value& weight = status["canary"]["weights"]["canary"]["weight"];
      return weight.isInt() ? std::to_string(weight.asInt()) : summarize(rollout).set_weight;
    }
    std::int64_t canary_available = 0;
    for (const Value& set : world_.replica_sets) {
      const std::vector<std::string> roles = rolesOf(rollout, hashOf(set));
      if (std::find(roles.begin(), roles.end(), "canary") != roles.end())
        canary_available += set["status"]["availableReplicas"].asInt();
    }
    return std::to_string(canary_available * max / available);
  }

  void images() {
    std::map<std::string, std::set<std::string>> tags;
    for (const Value& set : world_.replica_sets) {
      if (set["spec"]["replicas"].asInt(1) == 0) continue;
      for (const Value& container : set["spec"]["template"]["spec"]["containers"].asArray()) {
        std::set<std::string>& known = tags[container["image"].asString()];
        for (const std::string& role : rolesOf(world_.rollout, hashOf(set))) known.insert(role);
      }
    }
    bool first = true;
    for (const auto& [image, roles] : tags) {
      std::vector<std::string> painted;
      for (const std::string& role : roles) painted.push_back(painter_.paint(role, paintOfRole(role)));
      const std::string suffix = painted.empty() ? "" : fmt::format(" ({})", fmt::join(painted, ", "));
      line(first ? "Images:" : "", image + suffix);
      first = false;
    }
  }

  void replicas() {
    const Value& status = world_.rollout["status"];
    out_ += "Replicas:\n";
    line("  Desired:", std::to_string(world_.rollout["spec"]["replicas"].asInt(1)));
    line("  Current:", std::to_string(status["replicas"].asInt()));
    line("  Updated:", std::to_string(status["updatedReplicas"].asInt()));
    line("  Ready:", std::to_string(status["readyReplicas"].asInt()));
    line("  Available:", std::to_string(status["availableReplicas"].asInt()));
  }

  std::string age(const Value& object) const {
    const auto created = parseRfc3339(object["metadata"]["creationTimestamp"].asStringView());
    return created ? formatAge(now_ - *created) : "";
  }

  void table() {
    const Value& rollout = world_.rollout;
    const std::string phase = rollout["status"]["phase"].asString("Progressing");
    const std::string icon = phaseIcon(phase);
    Table table({"NAME", "KIND", "STATUS", "AGE", "INFO"});
    table.add(
        {"⟳ " + nameOf(rollout), "Rollout", painter_.paint(icon, paintOfIcon(icon)) + " " + phase, age(rollout), ""});

    std::set<std::int64_t, std::greater<>> revisions;
    for (const auto* list : {&world_.replica_sets, &world_.analysis_runs, &world_.experiments}) {
      for (const Value& object : *list) revisions.insert(revisionOf(object));
    }
    std::size_t left = revisions.size();
    for (const std::int64_t revision : revisions) addRevision(table, revision, --left == 0);
    out_ += table.render();
  }

  struct Child {
    const Value* object;
    enum { kReplicaSet, kExperiment, kAnalysisRun } kind;
  };

  void addRevision(Table& table, std::int64_t revision, bool last) {
    table.add({fmt::format("{}# revision:{}", last ? "└──" : "├──", revision), "", "", "", ""});
    const std::string prefix = last ? "   " : "│  ";
    std::vector<Child> children;
    for (const Value* set : of(world_.replica_sets, revision)) children.push_back({set, Child::kReplicaSet});
    for (const Value* experiment : of(world_.experiments, revision))
      children.push_back({experiment, Child::kExperiment});
    for (const Value* run : of(world_.analysis_runs, revision)) children.push_back({run, Child::kAnalysisRun});
    for (std::size_t i = 0; i < children.size(); ++i) addChild(table, children[i], prefix, i + 1 == children.size());
  }

  static std::vector<const Value*> of(const std::vector<Value>& objects, std::int64_t revision) {
    std::vector<const Value*> found;
    for (const Value& object : objects) {
      if (revisionOf(object) == revision) found.push_back(&object);
    }
    std::sort(found.begin(), found.end(), [](const Value* a, const Value* b) {
      const auto key = [](const Value* v) {
        return std::pair((*v)["metadata"]["creationTimestamp"].asString(), nameOf(*v));
      };
      return key(a) < key(b);
    });
    return found;
  }

  void addChild(Table& table, const Child& child, const std::string& prefix, bool last) {
    const Value& object = *child.object;
    const std::string branch = prefix + (last ? "└──" : "├──");
    if (child.kind == Child::kReplicaSet) {
      addReplicaSet(table, object, branch, prefix + (last ? "   " : "│  "));
      return;
    }
    const std::string phase = object["status"]["phase"].asString();
    const std::string icon = analysisIcon(phase);
    const bool is_run = child.kind == Child::kAnalysisRun;
    const Paint name_paint = phase == "Running" || phase == "Pending" ? Paint::kBlue : Paint::kNone;
    table.add({branch + (is_run ? "α " : "Σ ") + painter_.paint(nameOf(object), name_paint),
               is_run ? "AnalysisRun" : "Experiment", painter_.paint(icon, paintOfIcon(icon)) + " " + phase,
               age(object), is_run ? runCounts(object) : ""});
  }

  void addReplicaSet(Table& table, const Value& set, const std::string& branch, const std::string& prefix) {
    const Icon status = replicaSetStatus(set);
    const std::vector<std::string> roles = rolesOf(world_.rollout, hashOf(set));
    std::vector<std::string> info;
    for (const std::string& role : roles) info.push_back(painter_.paint(role, paintOfRole(role)));
    if (const std::string deadline = set["metadata"]["annotations"]["scale-down-deadline"].asString();
        !deadline.empty()) {
      const auto at = parseRfc3339(deadline);
      info.push_back(at && *at > now_ ? "delay:" + formatAge(*at - now_) : "delay:passed");
    }
    const Paint paint = roles.empty() ? Paint::kNone : paintOfRole(roles.front());
    table.add({branch + "⧉ " + painter_.paint(nameOf(set), paint), "ReplicaSet",
               painter_.paint(status.icon, paintOfIcon(status.icon)) + " " + status.text, age(set),
               fmt::format("{}", fmt::join(info, ","))});
    std::vector<const Value*> pods;
    for (const Value& pod : world_.pods) {
      if (isOwnedBy(pod, set["metadata"]["uid"].asStringView())) pods.push_back(&pod);
    }
    std::sort(pods.begin(), pods.end(), [](const Value* a, const Value* b) { return nameOf(*a) < nameOf(*b); });
    for (std::size_t i = 0; i < pods.size(); ++i)
      addPod(table, *pods[i], prefix + (i + 1 == pods.size() ? "└──" : "├──"));
  }

  void addPod(Table& table, const Value& pod, const std::string& branch) {
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
    table.add(
        {branch + "□ " + nameOf(pod), "Pod", painter_.paint(icon, paintOfIcon(icon)) + " " + status, age(pod), info});
  }

  const RolloutWorld& world_;
  WallTime now_;
  Painter painter_;
  std::string out_;
};

// Reason of a container that is not simply running.
std::string containerReason(const Value& state) {
  if (state["waiting"].isObject()) return state["waiting"]["reason"].asString();
  const Value& ended = state["terminated"];
  if (!ended.isObject()) return "";
  if (const std::string reason = ended["reason"].asString(); !reason.empty()) return reason;
  if (ended["signal"].asInt() != 0) return fmt::format("Signal:{}", ended["signal"].asInt());
  return fmt::format("ExitCode:{}", ended["exitCode"].asInt());
}

std::string setWeight(const Value& rollout) {
  const Value& canary = rollout["spec"]["strategy"]["canary"];
  const Array& steps = canary["steps"].asArray();
  const Value& status = rollout["status"];
  const std::int64_t max = canary["trafficRouting"]["maxTrafficWeight"].asInt(100);
  if (status["abort"].asBool()) return "0";
  const std::int64_t index = status["currentStepIndex"].asInt(static_cast<std::int64_t>(steps.size()));
  if (index >= static_cast<std::int64_t>(steps.size())) return std::to_string(max);
  for (std::int64_t i = index; i >= 0; --i) {
    const Value& weight = steps[static_cast<std::size_t>(i)]["setWeight"];
    if (weight.isInt()) return std::to_string(weight.asInt());
  }
  return "0";
}

}  // namespace

std::string renderRollout(const RolloutWorld& world, WallTime now, Colour colour) {
  return View(world, now, colour).render();
}

RolloutSummary summarize(const Value& rollout) {
  const Value& status = rollout["status"];
  const Value& strategy = rollout["spec"]["strategy"];
  RolloutSummary summary;
  summary.ns = rollout["metadata"]["namespace"].asString();
  summary.name = nameOf(rollout);
  summary.strategy = isCanary(rollout) ? "Canary" : strategy["blueGreen"].isObject() ? "BlueGreen" : "unknown";
  summary.status = status["phase"].asString("Progressing");
  const std::size_t steps = strategy["canary"]["steps"].asArray().size();
  summary.step = steps > 0 ? fmt::format("{}/{}", status["currentStepIndex"].asInt(), steps) : "-";
  summary.set_weight = isCanary(rollout) ? setWeight(rollout) : "-";
  summary.ready = fmt::format("{}/{}", status["readyReplicas"].asInt(), status["replicas"].asInt());
  summary.desired = std::to_string(rollout["spec"]["replicas"].asInt(1));
  summary.up_to_date = std::to_string(status["updatedReplicas"].asInt());
  summary.available = std::to_string(status["availableReplicas"].asInt());
  return summary;
}

std::string phaseIcon(std::string_view phase) {
  if (phase == "Progressing") return "◌";
  if (phase == "Healthy") return "✔";
  if (phase == "Degraded") return "✖";
  if (phase == "Paused") return "॥";
  if (phase == "Error" || phase == "InvalidSpec") return "⚠";
  if (phase == "Unknown") return "?";
  if (phase == "ScaledDown") return "•";
  return " ";
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
