#pragma once
// Objects made for an Experiment: ReplicaSets, Services and AnalysisRuns (core-semantics 9.2, 9.5). Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "api/analysis_run_spec.h"
#include "base/error.h"
#include "base/value.h"
#include "control/experiment/context.h"

namespace towpath::control {

// The entry of spec.templates; null if there is none of that name.
const Value& templateOf(const Value& experiment, std::string_view name);
// The name of its template, if the object (a ReplicaSet or a Service) was made for this Experiment; else "".
std::string_view templateNameOf(const Value& object, std::string_view experiment);

// "<experiment>-<template>", without pods. The hash is that of the template without the label that the ReplicaSet of a
// Rollout has put into it.
Value makeReplicaSet(const Value& experiment, const Value& pod_template, std::optional<std::int32_t> collision_count);

// Selects the pods of the ReplicaSet. A port for each of their containers' ports.
Value makeService(const Value& experiment, const Value& replica_set, const std::string& name);

// kInvalid: templates that cannot be composed, arguments that have no value.
Result<Value> makeAnalysisRun(const ExperimentView& view, const model::ExperimentAnalysis& analysis,
                              const std::string& name, const api::FindTemplate& find);

}  // namespace towpath::control
