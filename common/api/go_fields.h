#pragma once
// JSON as Go's encoding/json writes it for the typed structs of k8s.io/api v0.34 and of a Rollout's steps. Internal to
// api/.

#include <string>
#include <string_view>

#include "base/value.h"

namespace towpath::api {

extern const char* const kGoFields;  // go_fields_table.cc

// Appends `value` as the struct (or other type) of this name, for instance "PodTemplateSpec" or "[]CanaryStep".
void appendAsGo(const Value& value, std::string_view type, std::string& out);

}  // namespace towpath::api
