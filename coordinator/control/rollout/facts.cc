#include "control/rollout/facts.h"

#include "api/injected.h"
#include "api/template_hash.h"
#include "api/validate.h"

namespace towpath::control {
namespace {

std::optional<std::string> firstError(const Value& rollout) {
  const api::FieldErrors errors = api::validateRollout(rollout);
  if (errors.empty()) return std::nullopt;
  return api::describe(errors.front());
}

}  // namespace

TemplateFacts peerFacts() {
  return {.template_hash = api::podTemplateHash,
          .step_hash = api::stepHash,
          .same_template = api::sameTemplate,
          .validate = firstError};
}

}  // namespace towpath::control
