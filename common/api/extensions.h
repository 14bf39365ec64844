#pragma once
// The annotations under towpath.dev/ that change how a Rollout is carried out (docs/compatibility.md).

#include <functional>
#include <string>

#include "api/field_error.h"
#include "base/value.h"
#include "model/extensions.h"

namespace towpath::api {

// Unknown values read as absent: validation refuses them.
model::Extensions decodeExtensions(const Value& rollout);
void validateExtensions(const Value& rollout, FieldErrors& errors);

// Is the write of `next` over `old` a new template that towpath.dev/on-new-version: reject refuses? Legal are the
// template in progress and the way back: the stable one, and what is older than it; and everything once the update has
// ended. `is_older` is asked whether the version of the first hash is older than that of the second.
using IsOlder = std::function<bool(const std::string& hash, const std::string& stable)>;
void validateNewVersion(const Value& old, const Value& next, const IsOlder& is_older, FieldErrors& errors);

}  // namespace towpath::api
