#pragma once
// What would end an update early, read off the manifest: for people who look at a play that went well.

#include <string>
#include <vector>

#include "api/analysis_run_spec.h"
#include "base/value.h"

namespace towpath::play {

// A sentence for each: the progress deadline, and the limits of each metric of each analysis. Templates that `find`
// does not have are left out.
std::vector<std::string> risksOf(const Value& rollout, const api::FindTemplate& find);

}  // namespace towpath::play
