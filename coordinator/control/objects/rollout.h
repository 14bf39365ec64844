#pragma once
// Rollout objects ↔ model. Reading is tolerant: what is absent has the peer's default. Writing gives a patch of what
// the model knows, so that fields of the stored object that we don't know stay.

#include "base/error.h"
#include "base/value.h"
#include "model/replica_set.h"
#include "model/rollout.h"
#include "model/service.h"

namespace towpath::control::objects {

// Of a whole Rollout. Kind kInvalid with the field for what cannot be read at all (an unreadable duration); the rules
// of what makes sense are validation's.
Result<model::RolloutSpec> readRolloutSpec(const Value& rollout);
model::RolloutStatus readRolloutStatus(const Value& rollout);

Value writeRolloutStatus(const model::RolloutStatus& status);
// The merge patch of the object that brings its status to `next`: {"status": {…}}; an empty object if nothing differs.
Value rolloutStatusPatch(const Value& rollout, const model::RolloutStatus& next);

model::ReplicaSet readReplicaSet(const Value& replica_set);
model::Service readService(const Value& service);

// "k=v,…" of spec.selector, as status.selector shows it; "" if it is faulty.
std::string selectorText(const Value& rollout);

}  // namespace towpath::control::objects
