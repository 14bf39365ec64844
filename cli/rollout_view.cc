#include "cli/rollout_view.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/text.h"
#include "cli/tree.h"

namespace towpath::cli {
namespace {

constexpr std::string_view kHashLabel = "rollouts-pod-template-hash";
constexpr std::string_view kRevision = "rollout.argoproj.io/revision";

std::int64_t revisionOf(const Value& object) {
  return std::atoll(object["metadata"]["annotations"][kRevision].asString("0").c_str());
}
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

class View {
 public:
  View(const RolloutWorld& world, WallTime now, Colour colour)
      : world_(world), now_(now), colour_(colour), painter_(colour) {}

  std::string render() {
    header();
    images();
    replicas();
    out_ += "\n";
    table();
    return std::move(out_);
  }

 private:
  void line(std::string_view label, std::string_view value) { out_ += labelled(label, value); }

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
    ImageTags tags;
    for (const Value& set : world_.replica_sets) addImages(tags, set, rolesOf(world_.rollout, hashOf(set)));
    for (const ExperimentWorld& experiment : world_.experiments) addImages(tags, experiment);
    out_ += imageLines(tags, painter_);
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

  void table() {
    const Value& rollout = world_.rollout;
    const std::string phase = rollout["status"]["phase"].asString("Progressing");
    const std::string icon = phaseIcon(phase);
    Tree tree(now_, colour_);
    tree.add(Tree::root(), "⟳", nameOf(rollout),
             {"Rollout", painter_.paint(icon, paintOfIcon(icon)) + " " + phase, tree.age(rollout)});
    std::set<std::int64_t, std::greater<>> revisions;
    for (const auto* list : {&world_.replica_sets, &world_.analysis_runs}) {
      for (const Value& object : *list) revisions.insert(revisionOf(object));
    }
    for (const ExperimentWorld& experiment : world_.experiments) revisions.insert(revisionOf(experiment.experiment));
    std::size_t left = revisions.size();
    for (const std::int64_t revision : revisions) addRevision(tree, revision, Tree::below(Tree::root(), --left == 0));
    out_ += tree.render();
  }

  void addRevision(Tree& tree, std::int64_t revision, const Tree::Place& place) {
    tree.add(place, "#", fmt::format("revision:{}", revision), {});
    const std::vector<const Value*> sets = of(world_.replica_sets, revision);
    const std::vector<const Value*> runs = of(world_.analysis_runs, revision);
    std::vector<const ExperimentWorld*> experiments;
    for (const ExperimentWorld& one : world_.experiments) {
      if (revisionOf(one.experiment) == revision) experiments.push_back(&one);
    }
    std::size_t left = sets.size() + experiments.size() + runs.size();
    for (const Value* set : sets)
      tree.addReplicaSet(Tree::below(place, --left == 0), *set, world_.pods, rolesOf(world_.rollout, hashOf(*set)));
    for (const ExperimentWorld* one : experiments) tree.addExperiment(Tree::below(place, --left == 0), *one);
    for (const Value* run : runs) tree.addAnalysisRun(Tree::below(place, --left == 0), *run);
  }

  static std::vector<const Value*> of(const std::vector<Value>& objects, std::int64_t revision) {
    std::vector<const Value*> found;
    for (const Value& object : objects) {
      if (revisionOf(object) == revision) found.push_back(&object);
    }
    sortByAge(found);
    return found;
  }

  const RolloutWorld& world_;
  WallTime now_;
  Colour colour_;
  Painter painter_;
  std::string out_;
};

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

}  // namespace towpath::cli
