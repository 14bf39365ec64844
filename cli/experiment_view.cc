#include "cli/experiment_view.h"

#include <optional>

namespace towpath::cli {
namespace {

std::optional<Duration> durationOf(const Value& experiment) {
  const Result<Duration> duration = parseGoDuration(experiment["spec"]["duration"].asStringView());
  if (!duration) return std::nullopt;
  return *duration;
}

// Of its duration, while it runs.
std::string remaining(const Value& experiment, WallTime now) {
  const Value& status = experiment["status"];
  const std::string_view phase = status["phase"].asStringView();
  const std::optional<Duration> duration = durationOf(experiment);
  const std::optional<WallTime> since = parseRfc3339(status["availableAt"].asStringView());
  if (!duration || !since || (phase != "Running" && phase != "Pending")) return "-";
  return formatAge(std::max<Duration>(*since + *duration - now, Duration::zero()));
}

}  // namespace

std::string renderExperiment(const ExperimentWorld& world, WallTime now, Colour colour) {
  const Painter painter(colour);
  const Value& experiment = world.experiment;
  const std::string phase = experiment["status"]["phase"].asString();
  const std::string icon = analysisIcon(phase);
  std::string text = labelled("Name:", nameOf(experiment));
  text += labelled("Namespace:", experiment["metadata"]["namespace"].asString());
  text += labelled("Status:", painter.paint(icon, paintOfIcon(icon)) + " " + phase);
  if (const std::string message = experiment["status"]["message"].asString(); !message.empty())
    text += labelled("Message:", message);
  ImageTags tags;
  addImages(tags, world);
  text += imageLines(tags, painter) + "\n";
  Tree tree(now, colour);
  tree.addExperiment(Tree::root(), world);
  return text + tree.render();
}

ExperimentSummary summarizeExperiment(const Value& experiment, WallTime now) {
  ExperimentSummary summary;
  summary.ns = experiment["metadata"]["namespace"].asString();
  summary.name = nameOf(experiment);
  summary.status = experiment["status"]["phase"].asString("-");
  const std::optional<Duration> duration = durationOf(experiment);
  summary.duration = duration ? formatAge(*duration) : "-";
  summary.remaining = remaining(experiment, now);
  const std::optional<WallTime> created = parseRfc3339(experiment["metadata"]["creationTimestamp"].asStringView());
  summary.age = created ? formatAge(now - *created) : "-";
  return summary;
}

}  // namespace towpath::cli
