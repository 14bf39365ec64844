#include "control/rollout/facts.h"

#include "api/keys.h"
#include "api/template_hash.h"

namespace towpath::control {
namespace {

bool sameTemplate(const Value& wanted, const Value& live) {
  Value left = wanted, right = live;
  for (Value* side : {&left, &right}) side->eraseAt({"metadata", "labels", api::kHashLabel});
  return api::canonicalTemplate(left) == api::canonicalTemplate(right);
}

}  // namespace

TemplateFacts peerFacts() {
  return {.template_hash = api::podTemplateHash,
          .step_hash = api::stepHash,
          .same_template = sameTemplate,
          .validate = [](const Value&) { return std::optional<std::string>(); }};
}

}  // namespace towpath::control
