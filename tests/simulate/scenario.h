#pragma once
// A scenario: everything that a seed decides, as plain data. The objects at the start, how the world around the
// controllers behaves, and the acts of people and of misfortune with their times. Running it (world.h) is
// deterministic; taking acts out of it is how a failure is shrunk.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "cluster/kinds.h"
#include "traffic/registry.h"

namespace towpath::simulate {

// kCompatible: whatever a manifest may say; only the rules tagged `always` hold. kStrict: nothing of what the
// compatible defaults allow and design section 5 does not (rules.h); the rules tagged `with a switch` are checked as
// well.
enum class Profile : std::uint8_t { kCompatible, kStrict };
const char* toString(Profile profile);

enum class ActKind : std::uint8_t {
  // People.
  kSetImage,     // amount: the version
  kPromote,      //
  kPromoteFull,  //
  kAbort,        //
  kRetry,        //
  kUndo,         // to the revision before
  kPause,        //
  kResume,       //
  kScale,        // amount: replicas
  kRestart,      //
  kEditSteps,    // amount: which of Scenario::other_steps
  kTouch,        // an edit that changes nothing of the template (an annotation)
  kForgive,      // removes the note of a refused template
  kSpoil,        // makes the spec invalid: amount 0: its times, 1: its steps
  kMend,         // makes it valid again
  // Misfortune.
  kCrash,           // amount: the controllers die at that many writes from now; odd: after the write, even: before it
  kSecond,          // another coordinator works beside the first for `lasts`
  kWatchCut,        // every watch breaks at its next event
  kWatchGone,       // the same, and the history is gone
  kWatchRepeat,     // amount: so many events come twice
  kWatchLate,       // events of kind `amount` (an index) are late by `lasts`, for a minute
  kWriteConflict,   // amount: so many writes are refused as conflicts
  kWriteError,      // amount: … fail and do nothing
  kWriteLostReply,  // amount: … are done, and the answer is lost
  kSlowApi,         // each call takes `lasts`, for a minute
  kPodCrash,        // a pod of the amount-th ReplicaSet restarts
  kPodVanish,       // … is gone
  kVersionBreaks,   // pods of version `amount` do not get ready, and cease to be, for `lasts`
  kRouteStripped,   // somebody takes the header and mirror routes away
  kNodesSilent,     // nobody reports weights for `lasts`
  kNodesLie,        // weights are reported that are not live, for `lasts`
  kWallJump,        // the wall clock jumps by `lasts` (may be negative)
};
inline constexpr int kActKinds = static_cast<int>(ActKind::kWallJump) + 1;
const char* toString(ActKind kind);
bool isCommand(ActKind kind);  // of a person
bool isShared(ActKind kind);   // misfortune of the whole world and not of one rollout

struct Act {
  Duration at{};
  ActKind kind = ActKind::kTouch;
  int amount = 0;
  Duration lasts{};
  // Of a person: done from its time on right before the controller's next write of the status, which was decided
  // without it.
  bool in_between = false;
};
std::string describe(const Act& act);

// How a version behaves wherever it runs.
enum class Health : std::uint8_t { kGood, kSlow, kBroken, kFlapping };
const char* toString(Health health);

// What an analysis of a version finds.
enum class Quality : std::uint8_t { kGood, kBad, kUnclear, kNoAnswer, kHangs };
const char* toString(Quality quality);

// Why a rollout beside others cannot go on, whatever its controller does: none of the others may notice.
enum class Poison : std::uint8_t {
  kNone,
  kNoRoute,     // its HTTPRoute is not there
  kNoQuota,     // the server refuses its ReplicaSets
  kDeafPlugin,  // its step plugin answers after minutes only, and never well
  kMalformed,   // its spec cannot be read
};
const char* toString(Poison poison);

struct Scenario {
  std::uint64_t seed = 0;
  Profile profile = Profile::kCompatible;

  std::string ns = "default";
  Value rollout;                                   // named "shop", as is all that belongs to it
  std::vector<std::string> services;               // "shop-canary", …
  bool routed = false;                             // an HTTPRoute named like the rollout
  std::optional<cluster::Resource> workload_kind;  // of what spec.workloadRef names
  Value workload;
  std::vector<Value> templates;
  std::vector<Value> other_steps;  // for kEditSteps: an array each
  traffic::RouteReports reports = traffic::RouteReports::kNone;
  Duration status_delay = Duration::zero();  // of the coordinator, as on Kubernetes

  std::vector<Act> acts;   // by time
  Duration active{};       // people act and things fail until then
  bool diligent = false;   // a person promotes whatever waits, every half minute while active
  bool with_pods = false;  // pods are objects as well (for restarts)
  // Of v1, v2, …; what is not listed is good.
  std::vector<Health> healths;
  std::vector<Quality> qualities;

  // More rollouts in the same world: queue, API and misfortune are shared, the people are their own. Each has a
  // namespace of its own.
  std::vector<Scenario> neighbours;
  Poison poison = Poison::kNone;

  int versions() const { return static_cast<int>(healths.size()); }
  int unusedVersion() const;  // one that no act brings
  Health health(int version) const;
  Quality quality(int version) const;
};

Scenario drawScenario(std::uint64_t seed, Profile profile);

}  // namespace towpath::simulate
