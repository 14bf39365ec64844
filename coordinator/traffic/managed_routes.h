#pragma once
// Header and mirror routes as rules of an HTTPRoute (traffic-routers reference, 3.4 and 10). A managed rule is made of
// each rule that names both services, and is known by its name: that of the managed route, or it with "-1", "-2", … for
// the second and later ones. Nothing else is remembered: what is there is read from the route itself. All of it is
// pure.

#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "model/rollout.h"
#include "traffic/router.h"

namespace towpath::traffic {

// A rule that was made for a managed route of this Rollout.
bool isManaged(const Value& rule, const Target& target);

// spec.rules of `route` with exactly these managed rules.
// - Mirror rules come first, with the backends of their source and a RequestMirror filter to the canary service; where
// the
//   source and the step both ask for a path or a method, requests must match both.
// - Header rules come last, in order, with the canary service alone; a header makes them more specific than their
// source. kInvalid: no rule names both services, or no request can match what is asked for.
Result<Value> rulesWithManagedRoutes(const Value& route, const Target& target,
                                     const std::vector<model::ManagedRoute>& routes);

// Can a rule of an HTTPRoute say what the step asks for? kUnsupported with the reason.
Result<void> expressible(const model::Step& step);

}  // namespace towpath::traffic
