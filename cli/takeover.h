#pragma once
// What `towpath adopt` and `towpath release` share: a Deployment becomes a Rollout, and a Rollout a Deployment again.
// Both serve until the new one does, and each way leads back.
//
//   adopt      Rollout with workloadRef made → its pods become ready, the Deployment's go as they do → Deployment at 0
//   release    scaleDown: never → Deployment back at its size and available → Services name the pods of both →
//              Rollout deleted, its pods kept → its ReplicaSets deleted
//
// Every step looks at what is there, so that a command that was interrupted is simply given again.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace towpath::cli {

// What may be referred to: by a workloadRef, by an autoscaler.
struct TakeoverKind {
  const char* api_version;
  const char* kind;
};
inline constexpr TakeoverKind kRolloutKind{"argoproj.io/v1alpha1", "Rollout"};
inline constexpr TakeoverKind kDeploymentKind{"apps/v1", "Deployment"};

bool refersTo(const Value& reference, const TakeoverKind& kind, std::string_view name);

// Tells what is done and does it; with --dry-run it only tells. `context` and `options` outlive it.
class Takeover {
 public:
  Takeover(const Context& context, const TakeOptions& options) : context_(context), options_(options) {}

  bool dry() const { return options_.dry_run; }
  void tell(const std::string& what) const;
  // Looks each second until it holds; Failure once the time is over.
  loop::Task<void> until(std::string what, std::function<loop::Task<bool>()> look) const;
  // nullopt if there is none.
  loop::Task<std::optional<Value>> find(ApiResource resource, std::string name) const;
  loop::Task<void> merge(ApiResource resource, std::string name, Value patch) const;
  // The autoscalers that size `from` size `to` from now on. A server without them has none.
  loop::Task<void> repointAutoscalers(TakeoverKind from, TakeoverKind to) const;

 private:
  const Context& context_;
  const TakeOptions& options_;
};

}  // namespace towpath::cli
