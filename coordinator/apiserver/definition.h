#pragma once
// CustomResourceDefinitions as objects: their conditions, and what a commit's error means.

#include "apiserver/failure.h"
#include "apiserver/kinds.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::apiserver {

// Checks the definition against the kinds that are served and writes its status: accepted names, Established.
Answer<void> establish(const KindTable& kinds, WallTime now, Value& definition);

// The store's error as an answer about an object.
Failure failureOfCommit(const Kind& kind, const std::string& name, const Error& error);

}  // namespace towpath::apiserver
