#pragma once
// From caches to the engine's World (core-semantics 3.2).

#include <set>
#include <string>

#include "cluster/queue.h"
#include "control/rollout/context.h"

namespace towpath::control {

// "services/ns/name", …: what a Rollout refers to by name; a change of one of them is a reason to look at it again.
std::string referenceId(const cluster::Resource& resource, std::string_view ns, std::string_view name);
std::set<std::string> references(const View& view);

// Does the Rollout name this service (of its namespace)?
bool usesService(const Value& rollout, std::string_view name);

// Everything but the traffic, which the controller remembers, and runs that the cache lacks. `object` is the parsed
// `ref`.
View gather(const RolloutContext& context, cluster::ObjectRef ref, Value object);

// The metadata, spec and status part of the world, read again from view.object after an own write.
void readRollout(const RolloutContext& context, View& view);
rollout::AnalysisRunView readRunView(const Value& run);

}  // namespace towpath::control
