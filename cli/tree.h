#pragma once
// PURE: rows of the tree views: ReplicaSets with their pods, AnalysisRuns, Experiments with all that is theirs.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "cli/text.h"

namespace towpath::cli {

// An experiment and what belongs to it, as read from the API.
struct ExperimentWorld {
  Value experiment;
  std::vector<Value> replica_sets;
  std::vector<Value> pods;
  std::vector<Value> analysis_runs;
};

class Tree {
 public:
  // Where a row stands: what comes before its icon, and before the branches below it.
  struct Place {
    std::string branch, below;
  };
  static Place root() { return {}; }
  static Place below(const Place& parent, bool last) {
    return {parent.below + (last ? "└──" : "├──"), parent.below + (last ? "   " : "│  ")};
  }

  Tree(WallTime now, Colour colour) : now_(now), painter_(colour), table_({"NAME", "KIND", "STATUS", "AGE", "INFO"}) {}

  // Any row: kind and status may be empty, as for a revision.
  void add(const Place& place, std::string_view icon, std::string_view name, std::vector<std::string> rest);
  // `roles` (stable, canary, …) are its INFO; `pods` are those of all sets.
  void addReplicaSet(const Place& place, const Value& set, const std::vector<Value>& pods,
                     const std::vector<std::string>& roles);
  void addAnalysisRun(const Place& place, const Value& run);
  void addExperiment(const Place& place, const ExperimentWorld& world);

  std::string age(const Value& object) const;
  std::string render() const { return table_.render(); }

 private:
  void addPod(const Place& place, const Value& pod);

  WallTime now_;
  Painter painter_;
  Table table_;
};

// Images with the parts that they play: (stable), (Σ:trial).
using ImageTags = std::map<std::string, std::set<std::string>>;
// Of a ReplicaSet that has pods.
void addImages(ImageTags& tags, const Value& replica_set, const std::vector<std::string>& roles);
void addImages(ImageTags& tags, const ExperimentWorld& world);
// Lines of a view's header.
std::string imageLines(const ImageTags& tags, const Painter& painter);

Paint paintOfRole(std::string_view role);
Paint paintOfIcon(std::string_view icon);
// Of a phase of an AnalysisRun or an Experiment; a space for one that is not known.
std::string analysisIcon(std::string_view phase);
std::string nameOf(const Value& object);
// Oldest first, then by name.
void sortByAge(std::vector<const Value*>& objects);

// A Pod's STATUS as kubectl prints it: Running, CrashLoopBackOff, Init:0/1, Terminating, …
std::string podStatus(const Value& pod);
// Whether the object belongs to the owner with this uid.
bool isOwnedBy(const Value& object, std::string_view owner_uid);

}  // namespace towpath::cli
