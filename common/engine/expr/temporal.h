#pragma once
// Times, durations and what belongs to them as values of conditions: the types of Go's package time that the peer's
// conditions can reach.

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/value.h"
#include "engine/calendar/instant.h"
#include "engine/calendar/zone.h"

namespace towpath::expr {

class Temporal final : public Opaque {
 public:
  using Content = std::variant<calendar::Instant, Duration, calendar::Zone, std::chrono::month, std::chrono::weekday>;

  explicit Temporal(Content content) : content_(std::move(content)) {}
  const Content& content() const { return content_; }
  bool equals(const Opaque& other) const override;
  std::string text() const override;

 private:
  Content content_;
};

// Its copies share the content.
Value temporalValue(Temporal::Content content);
// The same of what may have failed.
template <class T>
Result<Value> temporalValue(Result<T> made) {
  if (!made) return std::unexpected(made.error());
  return temporalValue(Temporal::Content(std::move(*made)));
}
// Null if the value is none.
const Temporal* temporalIn(const Value& value);

// Null if the value is something else.
template <class T>
const T* contentOf(const Value& value) {
  const Temporal* const temporal = temporalIn(value);
  return temporal != nullptr ? std::get_if<T>(&temporal->content()) : nullptr;
}

// What + - * make of two values of which one is a time or a duration; nothing if they have no meaning together.
// kInvalid if it is out of range.
std::optional<Result<Value>> combine(std::string_view op, const Value& left, const Value& right);
// -1, 0 or 1 for two times or two durations; nothing for others.
std::optional<int> compareTemporal(const Value& left, const Value& right);

}  // namespace towpath::expr
