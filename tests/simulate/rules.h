#pragma once
// The rules of design section 5, as they show in the objects and in the data plane. `always`: in each world.
// `with a switch`: the compatible defaults allow otherwise (docs/compatibility.md), so only Profile::kStrict worlds are
// held to them.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace towpath::simulate {

enum class Tag : std::uint8_t { kAlways, kWithSwitch };

enum class RuleId : std::uint8_t {
  kDecision,       // engine/rollout/invariants.cc on each decision
  kSurge,          //
  kUnavailable,    //
  kServesNothing,  //
  kScaledWhileServing,
  kShareOfCapacity,
  kActiveWhole,
  kOverlap,
  kAbortIgnored,
  kRaisedAborted,
  kPromotionLost,
  kPausePassed,
  kOverdue,
  kAnalysisPassed,
  kMovedWhilePaused,
  kRouteLeft,
  kRouteMissing,
  kPingPong,
  kNewVersion,
  kWorkload,
  kTwoSets,
  kTwoRuns,
  kStatusSound,
  kBusy,       // spins without time passing
  kUnsettled,  // never comes to rest
  kWedged,     // at rest, but waits for nobody
  kWrongEnd,   // at rest, but the objects contradict the phase
  kRestless,   // a coordinator that finds a settled world writes
  kNoWayOut,   // a good version, promoted by a person, does not become Healthy
};

struct Rule {
  RuleId id;
  const char* name;
  Tag tag;
  const char* text;
};

inline constexpr std::array<Rule, 29> kRules = {{
    {RuleId::kDecision, "decision", Tag::kAlways, "a decision breaks an invariant of the engine"},
    {RuleId::kSurge, "surge", Tag::kAlways, "more pods than replicas + maxSurge (canary without a router)"},
    {RuleId::kUnavailable, "unavailable", Tag::kAlways,
     "fewer available pods than replicas - maxUnavailable by own doing"},
    {RuleId::kServesNothing, "serves-nothing", Tag::kAlways, "traffic is sent to a version with nothing ready"},
    {RuleId::kScaledWhileServing, "scaled-while-serving", Tag::kAlways,
     "a version that gets traffic is scaled to nothing"},
    {RuleId::kShareOfCapacity, "share-of-capacity", Tag::kWithSwitch,
     "a version gets more weight than its ready share"},
    {RuleId::kActiveWhole, "active-whole", Tag::kAlways, "the active version of a blue-green rollout loses pods"},
    {RuleId::kOverlap, "overlap", Tag::kAlways, "two versions run at once although `recreate` was asked for"},
    {RuleId::kAbortIgnored, "abort-ignored", Tag::kAlways, "an abort is taken back by the controller"},
    {RuleId::kRaisedAborted, "raised-aborted", Tag::kAlways, "the weight rises while aborted"},
    {RuleId::kPromotionLost, "promotion-lost", Tag::kAlways, "a pause comes back after a person has promoted"},
    {RuleId::kPausePassed, "pause-passed", Tag::kAlways, "a pause ends before its time and without a person"},
    {RuleId::kOverdue, "overdue", Tag::kAlways, "a timed pause goes on long after its time"},
    {RuleId::kAnalysisPassed, "analysis-passed", Tag::kAlways, "an analysis that was not passed lets the update go on"},
    {RuleId::kMovedWhilePaused, "moved-while-paused", Tag::kAlways, "the update advances although a person paused it"},
    {RuleId::kRouteLeft, "route-left", Tag::kAlways, "a header or mirror route outlives an abort that was carried out"},
    {RuleId::kRouteMissing, "route-missing", Tag::kAlways, "a header or mirror step ends without its route"},
    {RuleId::kPingPong, "ping-pong", Tag::kAlways, "a service of the two that gets requests is pointed at other pods"},
    {RuleId::kNewVersion, "new-version", Tag::kAlways,
     "a new version starts during an update although it has to wait, or was refused"},
    {RuleId::kWorkload, "workload", Tag::kAlways, "the Deployment that ran before is scaled otherwise than asked for"},
    {RuleId::kTwoSets, "two-sets", Tag::kAlways, "two ReplicaSets of one template"},
    {RuleId::kTwoRuns, "two-runs", Tag::kAlways, "two unfinished AnalysisRuns for one purpose"},
    {RuleId::kStatusSound, "status-sound", Tag::kAlways, "the status contradicts itself"},
    {RuleId::kBusy, "busy", Tag::kAlways, "passes go on without end at one moment"},
    {RuleId::kUnsettled, "unsettled", Tag::kAlways, "it never comes to rest after faults and people have stopped"},
    {RuleId::kWedged, "wedged", Tag::kAlways, "at rest and Progressing: it waits for nobody"},
    {RuleId::kWrongEnd, "wrong-end", Tag::kAlways, "at rest, but what runs and serves is not what the phase says"},
    {RuleId::kRestless, "restless", Tag::kAlways, "a settled world is written to"},
    {RuleId::kNoWayOut, "no-way-out", Tag::kAlways, "a good version that a person promotes does not get Healthy"},
}};

constexpr const Rule& rule(RuleId id) { return kRules[static_cast<std::size_t>(id)]; }

struct Breach {
  RuleId rule = RuleId::kDecision;
  std::string text;
  Duration at{};  // since the start
};

}  // namespace towpath::simulate
