// JSONPath. The first line is the path, the rest the JSON that it is asked of.

#include "json/path.h"

#include "fuzz.h"
#include "json/parse.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  const auto [path_text, value_text] = cut(input);
  const Result<json::Path> path = json::Path::parse(path_text);
  const Result<Value> value = json::parse(value_text);
  if (!path || !value) return;
  for (const json::MissingKeys missing : {json::MissingKeys::kAllow, json::MissingKeys::kFail}) {
    static_cast<void>(path->print(*value, missing));
    const auto found = path->find(*value, missing);
    if (!found) continue;
    for (const Value* result : *found) static_cast<void>(json::printValue(*result));
  }
}

}  // namespace towpath::fuzz
