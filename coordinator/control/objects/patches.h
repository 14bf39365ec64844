#pragma once
// Merge patches of what the controllers own in an object, and small readings that api/ has no view for.

#include <optional>

#include "base/time.h"
#include "base/value.h"
#include "cluster/kinds.h"
#include "model/analysis.h"
#include "model/experiment.h"
#include "model/rollout.h"

namespace towpath::control {

// Brings the status of the stored object to `next`: {"status": {…}}. An empty object if nothing differs. What the model
// does not know is not touched.
Value rolloutStatusPatch(const Value& rollout, const model::RolloutStatus& next);
Value analysisRunStatusPatch(const Value& run, const model::AnalysisRunStatus& next);
Value experimentStatusPatch(const Value& experiment, const model::ExperimentStatus& next);

// An ownerReference to the object of this resource, as controller.
Value ownerReference(const cluster::Resource& resource, const Value& owner);

// The number in an annotation or a label; nullopt if it is absent or no number.
std::optional<int> numberIn(const Value& text);
// The epoch if there is none.
WallTime creationTime(const Value& object);

}  // namespace towpath::control
