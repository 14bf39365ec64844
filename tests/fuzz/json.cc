// JSON: what is read is written as something that reads equal, in every form we write.

#include "fuzz.h"
#include "json/field.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  std::vector<std::string> duplicates;
  const Result<Value> value = json::parse(input, {.duplicates = &duplicates});
  require(duplicates.size() <= json::kMaxDuplicates, "duplicates are bounded");
  if (!value) {
    require(!value.error().message.empty(), "an error says what is wrong");
    return;
  }
  for (const std::string& text :
       {json::serialize(*value), json::serializePretty(*value), json::serializeCanonical(*value)}) {
    const Result<Value> again = json::parse(text);
    require(again && *again == *value, text);
  }
  static_cast<void>(json::parse(input, {.managed_fields = json::ManagedFields::kSkip}));
  static_cast<void>(json::fieldAt(*value, input));
}

}  // namespace towpath::fuzz
