#pragma once
// An object against its kind's structural schema.

#include <string>
#include <vector>

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "base/value.h"

namespace towpath::apiserver {

struct SchemaFindings {
  std::vector<Cause> causes;
  std::vector<std::string> unknown_fields;
};

// Fills in defaults. Fields that the schema does not know are named, and taken out of custom resources as the peer
// does; built-in kinds keep them, since our schemas of those are not complete.
void checkSchema(const Kind& kind, Value& object, SchemaFindings& findings);

}  // namespace towpath::apiserver
