#include "model/experiment.h"

#include <algorithm>
#include <array>

namespace towpath::model {

const char* toString(TemplateStatusCode code) {
  switch (code) {
    case TemplateStatusCode::kNone:
      return "";
    case TemplateStatusCode::kProgressing:
      return "Progressing";
    case TemplateStatusCode::kRunning:
      return "Running";
    case TemplateStatusCode::kSuccessful:
      return "Successful";
    case TemplateStatusCode::kFailed:
      return "Failed";
    case TemplateStatusCode::kError:
      return "Error";
  }
  return "";
}

TemplateStatusCode parseTemplateStatusCode(std::string_view text) {
  constexpr std::array kCodes = {TemplateStatusCode::kProgressing, TemplateStatusCode::kRunning,
                                 TemplateStatusCode::kSuccessful, TemplateStatusCode::kFailed,
                                 TemplateStatusCode::kError};
  const auto found = std::ranges::find_if(kCodes, [text](TemplateStatusCode code) { return text == toString(code); });
  return found == kCodes.end() ? TemplateStatusCode::kNone : *found;
}

bool isCompleted(TemplateStatusCode code) {
  return code == TemplateStatusCode::kSuccessful || code == TemplateStatusCode::kFailed ||
         code == TemplateStatusCode::kError;
}

const TemplateStatus* findTemplate(const ExperimentStatus& status, std::string_view name) {
  const auto found = std::ranges::find(status.templates, name, &TemplateStatus::name);
  return found == status.templates.end() ? nullptr : &*found;
}

const ExperimentAnalysisStatus* findAnalysis(const ExperimentStatus& status, std::string_view name) {
  const auto found = std::ranges::find(status.analyses, name, &ExperimentAnalysisStatus::name);
  return found == status.analyses.end() ? nullptr : &*found;
}

std::optional<Duration> durationOf(const ExperimentSpec& spec) {
  if (spec.duration.empty()) return std::nullopt;
  const Result<Duration> duration = parseGoDuration(spec.duration);
  if (!duration) return std::nullopt;
  // Bounded, so that sums of times stay in range.
  return std::clamp(*duration, Duration::zero(), Duration(24h * 36500));
}

}  // namespace towpath::model
