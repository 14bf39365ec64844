#include "control/rollout/facts.h"

#include "api/keys.h"
#include "api/template_hash.h"
#include "api/validate.h"

namespace towpath::control {
namespace {

bool sameTemplate(const Value& wanted, const Value& live) {
  Value left = wanted, right = live;
  for (Value* side : {&left, &right}) side->eraseAt({"metadata", "labels", api::kHashLabel});
  return api::canonicalTemplate(left) == api::canonicalTemplate(right);
}

std::optional<std::string> firstError(const Value& rollout) {
  const api::FieldErrors errors = api::validateRollout(rollout);
  if (errors.empty()) return std::nullopt;
  return api::describe(errors.front());
}

}  // namespace

TemplateFacts peerFacts() {
  return {.template_hash = api::podTemplateHash,
          .step_hash = api::stepHash,
          .same_template = sameTemplate,
          .validate = firstError};
}

}  // namespace towpath::control
