#include "engine/expr/temporal.h"

#include <cmath>
#include <limits>

#include "engine/calendar/layout.h"

namespace towpath::expr {
namespace {

using calendar::Instant;

Result<Value> durationValue(bool overflow, std::int64_t nanos) {
  if (overflow) return fail(ErrorKind::kInvalid, "the duration is out of range: it is over 292 years");
  return temporalValue(Duration(nanos));
}

std::optional<Result<Value>> sum(const Value& left, const Value& right) {
  const auto* const first = contentOf<Duration>(left);
  const auto* const second = contentOf<Duration>(right);
  if (first != nullptr && second != nullptr) {
    std::int64_t nanos = 0;
    const bool overflow = __builtin_add_overflow(first->count(), second->count(), &nanos);
    return durationValue(overflow, nanos);
  }
  if (const auto* const time = contentOf<Instant>(left); time != nullptr && second != nullptr) {
    return temporalValue(calendar::add(*time, *second));
  }
  if (const auto* const time = contentOf<Instant>(right); time != nullptr && first != nullptr) {
    return temporalValue(calendar::add(*time, *first));
  }
  return std::nullopt;
}

std::optional<Result<Value>> difference(const Value& left, const Value& right) {
  const auto* const by = contentOf<Duration>(right);
  if (const auto* const from = contentOf<Instant>(left)) {
    if (const auto* const to = contentOf<Instant>(right)) return temporalValue(calendar::difference(*from, *to));
    if (by == nullptr) return std::nullopt;
    // The smallest duration has no opposite.
    return temporalValue(calendar::add(*from, *by == Duration::min() ? Duration::max() : -*by));
  }
  const auto* const from = contentOf<Duration>(left);
  if (from == nullptr || by == nullptr) return std::nullopt;
  std::int64_t nanos = 0;
  const bool overflow = __builtin_sub_overflow(from->count(), by->count(), &nanos);
  return durationValue(overflow, nanos);
}

// The nanoseconds of a duration; a whole number counts as so many.
std::optional<std::int64_t> count(const Value& value) {
  if (const auto* const duration = contentOf<Duration>(value)) return duration->count();
  if (value.isInt()) return value.asInt();
  return std::nullopt;
}

// With a fraction the peer gives a plain number of nanoseconds.
std::optional<Result<Value>> product(const Value& left, const Value& right) {
  const std::optional<std::int64_t> first = count(left);
  const std::optional<std::int64_t> second = count(right);
  if (first && second) {
    std::int64_t nanos = 0;
    const bool overflow = __builtin_mul_overflow(*first, *second, &nanos);
    return durationValue(overflow, nanos);
  }
  if (first && right.isDouble()) return Value(static_cast<double>(*first) * right.asDouble());
  if (second && left.isDouble()) return Value(left.asDouble() * static_cast<double>(*second));
  return std::nullopt;
}

template <class T>
std::optional<int> compareAs(const Value& left, const Value& right) {
  const T* const a = contentOf<T>(left);
  const T* const b = contentOf<T>(right);
  if (a == nullptr || b == nullptr) return std::nullopt;
  return *a < *b ? -1 : *b < *a ? 1 : 0;
}

struct Text {
  std::string operator()(const Instant& time) const { return calendar::toString(time); }
  std::string operator()(Duration duration) const { return formatGoDuration(duration); }
  std::string operator()(const calendar::Zone& zone) const { return zone.name(); }
  std::string operator()(std::chrono::month month) const { return std::string(calendar::monthName(month)); }
  std::string operator()(std::chrono::weekday day) const { return std::string(calendar::weekdayName(day)); }
};

}  // namespace

bool Temporal::equals(const Opaque& other) const {
  const auto* const temporal = dynamic_cast<const Temporal*>(&other);
  return temporal != nullptr && content_ == temporal->content_;
}

std::string Temporal::text() const { return std::visit(Text(), content_); }

Value temporalValue(Temporal::Content content) {
  return Value(std::shared_ptr<const Opaque>(std::make_shared<const Temporal>(std::move(content))));
}

const Temporal* temporalIn(const Value& value) { return dynamic_cast<const Temporal*>(value.ifOpaque()); }

std::optional<Result<Value>> combine(std::string_view op, const Value& left, const Value& right) {
  if (temporalIn(left) == nullptr && temporalIn(right) == nullptr) return std::nullopt;
  if (op == "+") return sum(left, right);
  if (op == "-") return difference(left, right);
  if (op == "*") return product(left, right);
  return std::nullopt;
}

std::optional<int> compareTemporal(const Value& left, const Value& right) {
  if (const std::optional<int> order = compareAs<Instant>(left, right)) return order;
  return compareAs<Duration>(left, right);
}

}  // namespace towpath::expr
