#pragma once
// Experiment as plain structs: versions that run beside each other for a while, to be compared (core-semantics 9). Pod
// templates are not here: what the engine must know of them is.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/analysis.h"
#include "model/conditions.h"
#include "model/phase.h"

namespace towpath::model {

// status.templateStatuses[].status. kNone: not written yet.
enum class TemplateStatusCode : std::uint8_t { kNone, kProgressing, kRunning, kSuccessful, kFailed, kError };

const char* toString(TemplateStatusCode code);  // "" for kNone
// An unknown text reads as kNone.
TemplateStatusCode parseTemplateStatusCode(std::string_view text);
// Successful, Failed or Error: it stays so.
bool isCompleted(TemplateStatusCode code);

// spec.templates[].selector, as far as it can be wrong.
enum class SelectorKind : std::uint8_t { kMissing, kEmpty, kSelects };

struct ExperimentTemplate {
  std::string name;
  std::int32_t replicas = 1;
  std::int32_t min_ready_seconds = 0;
  SelectorKind selector = SelectorKind::kSelects;
  bool has_ports = false;      // of its containers; without any there is nothing to serve
  bool wants_service = false;  // `service` is given
  std::string service_name;    // service.name; "": the ReplicaSet's name

  bool operator==(const ExperimentTemplate&) const = default;
};

struct ExperimentAnalysis {
  std::string name;
  TemplateRef analysis_template;
  std::vector<Argument> args;  // values may hold {{templates.x.podTemplateHash}} and its like
  bool required_for_completion = false;

  bool operator==(const ExperimentAnalysis&) const = default;
};

struct ExperimentSpec {
  std::vector<ExperimentTemplate> templates;
  std::vector<ExperimentAnalysis> analyses;
  std::string duration;  // Go duration; "": until it is terminated or the required analyses have passed
  std::int32_t progress_deadline_seconds = 600;
  std::int32_t scale_down_delay_seconds = 30;
  bool terminate = false;
  std::vector<DryRun> dry_run;
  std::vector<MeasurementRetention> measurement_retention;
  ObjectMetadata run_metadata;  // analysisRunMetadata

  bool operator==(const ExperimentSpec&) const = default;
};

struct TemplateStatus {
  std::string name;
  std::int32_t replicas = 0;
  std::int32_t updated_replicas = 0;
  std::int32_t ready_replicas = 0;
  std::int32_t available_replicas = 0;
  std::optional<std::int32_t> collision_count;
  TemplateStatusCode status = TemplateStatusCode::kNone;
  std::string message;
  std::optional<WallTime> last_transition_time;  // of its counters or its size: the progress deadline runs from here
  std::string service_name;                      // "" while there is no Service
  std::string pod_template_hash;                 // of its Service's pods; "" while there is none

  bool operator==(const TemplateStatus&) const = default;
};

struct ExperimentAnalysisStatus {
  std::string name;
  std::string run;  // analysisRun; "" until it is made
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string message;

  bool operator==(const ExperimentAnalysisStatus&) const = default;
};

struct ExperimentStatus {
  AnalysisPhase phase = AnalysisPhase::kNone;
  std::string message;
  std::vector<TemplateStatus> templates;
  std::optional<WallTime> available_at;  // all templates were available for the first time
  Conditions conditions;
  std::vector<ExperimentAnalysisStatus> analyses;

  bool operator==(const ExperimentStatus&) const = default;
};

const TemplateStatus* findTemplate(const ExperimentStatus& status, std::string_view name);
const ExperimentAnalysisStatus* findAnalysis(const ExperimentStatus& status, std::string_view name);

// The duration as a length of time; nullopt if there is none or it is none (decide() reports that).
std::optional<Duration> durationOf(const ExperimentSpec& spec);

}  // namespace towpath::model
