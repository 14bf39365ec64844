#pragma once
// The run that an AnalysisTemplate, a ClusterAnalysisTemplate or an AnalysisRun of some files makes, with arguments
// given by hand.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/analysis_arguments.h"
#include "base/error.h"
#include "base/value.h"
#include "model/analysis.h"

namespace towpath::play {

// Arguments that come from a Secret: nobody needs them to play, who measures does (by hand, or with the Secret among
// the objects); a server reads them by itself.
enum class Secrets : std::uint8_t { kStandIn, kMustBeGiven };

// Name → key → value, decoded.
using SecretTexts = std::map<std::string, std::map<std::string, std::string>>;
// The Secrets among the objects, whatever their namespace; stringData goes before data. kInvalid: data that is no
// base64.
Result<SecretTexts> secretsOf(const std::vector<Value>& objects);

struct AnalysisSpec {
  std::string name;  // of the object
  model::AnalysisRunSpec run;
  Value metrics;   // the same metrics as objects, for providers
  Value run_spec;  // the spec of an AnalysisRun, as a server takes it: arguments apart, those from Secrets unread
};

// `name`: which object, if there are several; may be empty. Templates that others nest are not chosen by themselves.
// kInvalid names the object, the field and the mend.
Result<AnalysisSpec> analysisOf(std::vector<Value> objects, std::string_view name, const api::ArgumentValues& given,
                                Secrets secrets);

// "name=value".
Result<std::pair<std::string, std::string>> parseArgument(std::string_view text);

}  // namespace towpath::play
