#pragma once
// Arguments of analyses: `{{args.name}}` in a metric, and where their values come from (core-semantics 8.1, 8.2, 8.5).
// Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "model/analysis.h"

namespace towpath::api {

using ArgumentValues = std::map<std::string, std::string, std::less<>>;

// Every text in the tree with its `{{args.x}}` replaced. kInvalid: "failed to resolve {{args.x}}".
Result<Value> substituteArguments(const Value& tree, const ArgumentValues& values);

// Arguments by name: the first value wins; two different ones are an error. Those of `incoming` override `declared`;
// names that are not declared are ignored.
Result<std::vector<model::Argument>> mergeArguments(std::vector<model::Argument> declared,
                                                    const std::vector<model::Argument>& incoming);

// The text at a field path of an object (fieldRef): "metadata.labels['app']", "status.canary.weights.canary.weight".
// kInvalid if there is no primitive value there.
Result<std::string> fieldText(const Value& object, std::string_view path);

// `text` with every secret in it replaced by "*****".
std::string redacted(std::string text, const std::vector<std::string>& secrets);

}  // namespace towpath::api
