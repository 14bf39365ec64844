#include "cli/play_view.h"

#include <fmt/format.h>

#include <sstream>

#include "base/time.h"
#include "cli/text.h"

namespace towpath::cli {
namespace {

std::string podsText(const play::Version& version) {
  return version.pods == 0 ? "-" : fmt::format("{}/{}", version.ready, version.pods);
}

std::string capacityText(const play::Outcome& outcome) {
  const std::int32_t above = outcome.peak_pods - outcome.replicas;
  const std::string beyond = above > 0 ? fmt::format("{} more than the {} replicas", above, outcome.replicas)
                                       : fmt::format("no more than the {} replicas", outcome.replicas);
  return fmt::format("at most {} pods at once (first at {}), {}", outcome.peak_pods, formatGoDuration(outcome.peak_at),
                     beyond);
}

std::string endingText(const play::Outcome& outcome) {
  const std::string message = outcome.message.empty() ? "" : " (" + outcome.message + ")";
  return fmt::format("{} at {}{}", toString(outcome.ending), formatGoDuration(outcome.ended_at), message);
}

std::string listText(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  return fmt::format("{}\n  - {}\n", title, fmt::join(lines, "\n  - "));
}

// Whole seconds as integers, as people write them.
Value seconds(Duration time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  if (whole == time) return Value(whole.count());
  return Value(std::chrono::duration<double>(time).count());
}

Value versionToJson(const play::Version& version) {
  return Value(Object{{"pods", version.pods}, {"ready", version.ready}});
}

Value textsToJson(const std::vector<std::string>& texts) { return Value(Array(texts.begin(), texts.end())); }

}  // namespace

std::vector<std::string> renderTimeline(const play::Outcome& outcome) {
  Table table({"TIME", "STEP", "NEW", "OLD-PODS", "NEW-PODS", "PHASE", "WHAT"});
  for (const play::Moment& moment : outcome.moments) {
    table.add({formatGoDuration(moment.at), moment.step.empty() ? "-" : moment.step,
               fmt::format("{}%", moment.new_share), podsText(moment.old_version), podsText(moment.new_version),
               moment.phase, fmt::format("{}", fmt::join(moment.notes, "; "))});
  }
  std::vector<std::string> lines;
  std::istringstream text(table.render());
  for (std::string line; std::getline(text, line);) lines.push_back(std::move(line));
  return lines;
}

std::string renderSummary(const PlayReport& report) {
  std::string text =
      fmt::format("\nEnding:    {}\nCapacity:  {}\n", endingText(report.outcome), capacityText(report.outcome));
  text += listText("Assumed:", report.assumptions);
  text += listText("Would end it early:", report.risks);
  return text;
}

Value playToJson(const PlayReport& report) {
  const play::Outcome& outcome = report.outcome;
  Array timeline;
  for (const play::Moment& moment : outcome.moments) {
    timeline.push_back(Object{{"seconds", seconds(moment.at)},
                              {"step", moment.step},
                              {"newShare", moment.new_share},
                              {"old", versionToJson(moment.old_version)},
                              {"new", versionToJson(moment.new_version)},
                              {"phase", moment.phase},
                              {"notes", textsToJson(moment.notes)}});
  }
  return Value(Object{{"ending", toString(outcome.ending)},
                      {"message", outcome.message},
                      {"endedSeconds", seconds(outcome.ended_at)},
                      {"replicas", outcome.replicas},
                      {"peak", Object{{"pods", outcome.peak_pods}, {"seconds", seconds(outcome.peak_at)}}},
                      {"timeline", std::move(timeline)},
                      {"assumptions", textsToJson(report.assumptions)},
                      {"risks", textsToJson(report.risks)}});
}

}  // namespace towpath::cli
