#pragma once
// An Experiment object ↔ the structs of model/. Decoding is tolerant, see rollout_view.h.

#include "base/value.h"
#include "model/experiment.h"

namespace towpath::api {

model::ExperimentSpec decodeExperimentSpec(const Value& object);
model::ExperimentStatus decodeExperimentStatus(const Value& object);
// status as the peer writes it: zero values are left out, except for the counters of templates.
Value encodeExperimentStatus(const model::ExperimentStatus& status);

}  // namespace towpath::api
