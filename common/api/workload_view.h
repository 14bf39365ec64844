#pragma once
// ReplicaSets, Services and label selectors as the engine needs them.

#include <string>

#include "base/value.h"
#include "model/replica_set.h"
#include "model/service.h"

namespace towpath::api {

model::ReplicaSet decodeReplicaSet(const Value& object);
model::Service decodeService(const Value& object);

// A LabelSelector as text: "a=b,c in (x,y),!d", sorted by key.
std::string selectorText(const Value& selector);
// Whether the labels (an object of strings) satisfy the LabelSelector. An empty selector matches everything, null
// nothing.
bool selectorMatches(const Value& selector, const Value& labels);

}  // namespace towpath::api
