#pragma once
// Arguments of analyses: `{{args.name}}` in a metric, and where their values come from (core-semantics 8.1, 8.2, 8.5).
// Pure.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "model/analysis.h"

namespace towpath::api {

using ArgumentValues = std::map<std::string, std::string, std::less<>>;

// The text of a tag ("args.x", "templates.canary.podTemplateHash"); nullopt: there is none.
using TagValue = std::function<std::optional<std::string>(std::string_view tag)>;

// The text with every `{{tag}}` replaced. kInvalid: "failed to resolve {{tag}}".
Result<std::string> substituteTags(std::string_view text, const TagValue& value_of);

// Every text in the tree, names of members too, with its `{{args.x}}` replaced. kInvalid: "failed to resolve
// {{args.x}}".
Result<Value> substituteArguments(const Value& tree, const ArgumentValues& values);

// Arguments by name: the first value wins; two different ones are an error. Those of `incoming` override `declared`;
// names that are not declared are ignored.
Result<std::vector<model::Argument>> mergeArguments(std::vector<model::Argument> declared,
                                                    const std::vector<model::Argument>& incoming);

// The text at a field path of an object (fieldRef): "metadata.labels['app']", "status.canary.weights.canary.weight".
// kInvalid if there is no primitive value there.
Result<std::string> fieldText(const Value& object, std::string_view path);

// The texts in which a secret may come back in an answer or a message: itself, without white space around it, as
// Base64, as in a URL, as in JSON.
std::vector<std::string> formsOfSecret(std::string_view secret);

// `text` with every secret in it replaced by "*****", longer ones first.
std::string redacted(std::string text, std::vector<std::string> secrets);

}  // namespace towpath::api
