// towpath simulate: a manifest played against the engine that a coordinator runs, with no cluster at hand.

#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/file.h"
#include "cli/command.h"
#include "cli/images.h"
#include "cli/manifest_files.h"
#include "cli/play_view.h"
#include "json/serialize.h"
#include "play/manifests.h"
#include "play/player.h"
#include "play/risks.h"

namespace towpath::cli {
namespace {

Duration durationOf(const std::string& text, const char* flag) {
  const Result<Duration> duration = parseGoDuration(text);
  if (duration && *duration >= 0s) return *duration;
  throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is no duration such as 30s or 2m", text), flag}};
}

// Without new images the update is the manifest itself, and what runs now is taken for one that differs in its
// template.
void makeUpdate(const SimulateOptions& options, play::Setup& setup) {
  setup.update = setup.stable;
  if (options.images.empty()) {
    setup.stable.mutableAt({"spec", "template", "metadata", "annotations", "towpath.dev/simulated"}) = "stable";
    return;
  }
  if (setup.stable["spec"]["template"].isNull()) {
    throw Failure{{ErrorKind::kInvalid, "there is no template whose image could change", "spec.template"}};
  }
  setImages(setup.update.mutableAt({"spec", "template", "spec"}), parseImageChanges(options.images));
}

play::Setup readSetup(const SimulateOptions& options, const play::Manifests& manifests) {
  play::Setup setup{.stable = manifests.rollout, .update = {}, .find = manifests.find(), .trace = {}, .faults = {}};
  makeUpdate(options, setup);
  if (!options.metrics.empty()) {
    setup.trace = orFail(play::Trace::parse(orFail(readFile(options.metrics)), options.metrics));
  }
  for (const std::string& fault : options.faults) setup.faults.push_back(orFail(play::parseFault(fault)));
  setup.ready_after = durationOf(options.ready_after, "--ready-after");
  setup.step_takes = durationOf(options.step_takes, "--step-takes");
  setup.until = durationOf(options.until, "--until");
  if (options.promote_after == "never")
    setup.promote_after.reset();
  else
    setup.promote_after = durationOf(options.promote_after, "--promote-after");
  return setup;
}

std::vector<std::string> assumptionsOf(const SimulateOptions& options, const play::Outcome& outcome) {
  std::vector<std::string> lines;
  if (options.images.empty()) {
    lines.push_back("the manifest is the update; what runs now differs in its pod template only (--set-image)");
  }
  lines.push_back(fmt::format("a pod is ready {} after its start (--ready-after)", options.ready_after));
  lines.push_back(options.promote_after == "never"
                      ? "nobody promotes (--promote-after)"
                      : fmt::format("who is waited for promotes after {} (--promote-after)", options.promote_after));
  for (const std::string& metric : outcome.assumed_good) {
    lines.push_back(fmt::format("{} is good whenever it is measured (--metrics with a column of that name)", metric));
  }
  for (const std::string& column : outcome.never_asked_for) {
    lines.push_back(fmt::format("column {} of --metrics is not used: no metric of that name was measured", column));
  }
  const auto acted = [&outcome](std::string_view what) {
    return std::ranges::any_of(outcome.moments, [what](const play::Moment& moment) {
      return std::ranges::any_of(moment.notes, [what](const std::string& note) { return note.starts_with(what); });
    });
  };
  if (acted("step plugin"))
    lines.push_back(fmt::format("a step plugin is done after {} (--step-takes)", options.step_takes));
  if (acted("experiment")) {
    lines.push_back(fmt::format(
        "an experiment is successful after its duration, or after {} (--step-takes); its analyses are not played",
        options.step_takes));
  }
  for (const std::string& fault : options.faults) lines.push_back("fault " + fault);
  return lines;
}

// Line by line, at the times of the play. Nothing else is to be done meanwhile, so the process sleeps.
void show(const PlayReport& report, double speed) {
  const std::vector<std::string> lines = renderTimeline(report.outcome);
  print(lines.front() + "\n");
  Duration shown{};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Duration at = i <= report.outcome.moments.size() ? report.outcome.moments[i - 1].at : shown;
    if (speed > 0) {
      std::fflush(stdout);
      std::this_thread::sleep_for(std::chrono::duration<double>(at - shown) / speed);
    }
    shown = at;
    print(lines[i] + "\n");
  }
  print(renderSummary(report));
}

}  // namespace

int simulate(const SimulateOptions& options) {
  const bool json = options.output == "json";
  if (!json && options.output != "table") {
    throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is neither table nor json", options.output), "--output"}};
  }
  const play::Manifests manifests = orFail(play::Manifests::read(readManifests(options.files), options.rollout));
  orFail(manifests.check());
  const play::Setup setup = readSetup(options, manifests);
  PlayReport report;
  report.outcome = orFail(play::play(setup));
  report.assumptions = assumptionsOf(options, report.outcome);
  report.risks = play::risksOf(setup.update, setup.find);
  if (json && options.speed > 0)
    throw Failure{{ErrorKind::kInvalid, "goes with a table, for people to look at", "--speed"}};
  if (json)
    print(json::serializePretty(playToJson(report)) + "\n");
  else
    show(report, options.speed);
  return report.outcome.ending == play::Ending::kHealthy ? 0 : 1;
}

}  // namespace towpath::cli
