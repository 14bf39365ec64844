// YAML: what is read is written as something that reads equal.

#include "json/yaml.h"

#include <cmath>

#include "fuzz.h"

namespace towpath::fuzz {
namespace {

// Infinities and NaN are YAML, but nothing that an object can hold.
bool isFinite(const Value& value) {
  if (const double* number = value.ifDouble()) return std::isfinite(*number);
  for (const Value& element : value.asArray()) {
    if (!isFinite(element)) return false;
  }
  for (const auto& [key, member] : value.asObject()) {
    if (!isFinite(member)) return false;
  }
  return true;
}

}  // namespace

void run(std::string_view input) {
  const auto documents = json::parseYaml(input);
  if (!documents) {
    require(!documents.error().message.empty(), "an error says what is wrong");
    return;
  }
  for (const json::YamlDocument& document : *documents) {
    if (!isFinite(document.value)) continue;
    const std::string text = json::toYaml(document.value);
    const Result<Value> again = json::parseYamlDocument(text);
    if (document.value.isNull()) continue;
    require(again.has_value(), text);
    require(*again == document.value, text);
  }
}

}  // namespace towpath::fuzz
