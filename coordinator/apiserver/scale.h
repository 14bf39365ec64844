#pragma once
// The scale subresource: autoscaling/v1 Scale made of an object's fields, and put back into them.

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "base/value.h"

namespace towpath::apiserver {

Value scaleOfObject(const Kind& kind, const Value& object);
// Writes spec.replicas of the Scale into the object.
Answer<void> applyScale(const Kind& kind, const Value& scale, Value& object);

}  // namespace towpath::apiserver
