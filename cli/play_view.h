#pragma once
// A play (common/play) for people, as a table with what it comes to, and for programs, as JSON.

#include <string>
#include <vector>

#include "base/value.h"
#include "play/player.h"

namespace towpath::cli {

struct PlayReport {
  play::Outcome outcome;
  std::vector<std::string> assumptions;  // sentences, with the flags that change them
  std::vector<std::string> risks;        // what would end the update early
};

// The header of the table, and a line for each moment.
std::vector<std::string> renderTimeline(const play::Outcome& outcome);
// What it comes to, what was assumed, and what would end it early.
std::string renderSummary(const PlayReport& report);
// {ending, message, endedSeconds, replicas, peak: {pods, seconds}, timeline: [{seconds, step, newShare, old: {pods,
// ready}, new: {pods, ready}, phase, notes}], assumptions, risks}. Seconds are numbers, with a fraction where there is
// one.
Value playToJson(const PlayReport& report);

}  // namespace towpath::cli
