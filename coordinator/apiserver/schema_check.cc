#include "apiserver/schema_check.h"

#include "api/schema.h"

namespace towpath::apiserver {

namespace {

// A null where none may stand says nothing, as with the peer: manifests written by Go programs are full of them.
void pruneNulls(const Value& schema, Value& value) {
  if (auto* array = value.ifArray()) {
    for (auto& element : *array) pruneNulls(schema["items"], element);
    return;
  }
  auto* object = value.ifObject();
  if (object == nullptr) return;
  const auto& others = schema["additionalProperties"];
  std::vector<std::string> nulls;
  for (auto& [name, member] : *object) {
    const auto& known = schema["properties"][name];
    const auto& rule = known.isNull() ? others : known;
    if (!rule.isObject()) continue;
    if (member.isNull() && !rule["nullable"].asBool())
      nulls.push_back(name);
    else
      pruneNulls(rule, member);
  }
  for (const auto& name : nulls) object->erase(name);
}

}  // namespace

void checkSchema(const Kind& kind, Value& object, SchemaFindings& findings) {
  const Value& schema = *kind.schema;
  if (schema.isNull()) return;
  findings.unknown_fields =
      api::findUnknownFields(schema, object, kind.custom ? api::UnknownFields::kPrune : api::UnknownFields::kKeep);
  pruneNulls(schema, object);
  api::applyDefaults(schema, object);
  for (auto& error : api::validateSchema(schema, object)) {
    findings.causes.push_back({toString(error.kind), std::move(error.message), std::move(error.path)});
  }
}

}  // namespace towpath::apiserver
