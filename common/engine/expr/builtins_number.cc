// Functions of numbers, and the peer's own (8.8): isNil, default, asInt and their like.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/expr/builtins.h"
#include "engine/expr/operators.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

Value whole(std::int64_t number) { return Value(static_cast<long long>(number)); }

Result<Value> isNaN(Call& call) { return Value(std::isnan(call[0].asDouble())); }
Result<Value> isInf(Call& call) { return Value(std::isinf(call[0].asDouble())); }
Result<Value> isNil(Call& call) { return Value(call.result().isNull()); }
Result<Value> orDefault(Call& call) { return call.result().isNull() ? call[1] : call.result(); }

Result<Value> toInt(const Value& value, std::string_view name) {
  if (value.isInt()) return value;
  if (value.isDouble()) {
    const std::optional<std::int64_t> part = wholeOf(value);
    if (!part) return bad(fmt::format("{}: the number is out of range", name));
    return whole(*part);
  }
  if (const std::string* text = value.ifString()) {
    std::int64_t parsed = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, parsed);
    if (error == std::errc() && stop == end && !text->empty()) return whole(parsed);
    return bad(fmt::format("{}: \"{}\" is no whole number", name, *text));
  }
  return bad(fmt::format("{}() not supported on type {}", name, typeName(value)));
}

Result<Value> toFloat(const Value& value, std::string_view name) {
  if (value.isNumber()) return Value(value.asDouble());
  if (const std::string* text = value.ifString()) {
    double parsed = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, parsed);
    if (error == std::errc() && stop == end && !text->empty()) return Value(parsed);
    return bad(fmt::format("{}: \"{}\" is no number", name, *text));
  }
  return bad(fmt::format("{}() not supported on type {}", name, typeName(value)));
}

Result<Value> asInt(Call& call) { return toInt(call[0], "asInt"); }
Result<Value> asFloat(Call& call) { return toFloat(call[0], "asFloat"); }
Result<Value> intOf(Call& call) {
  if (const auto* const duration = contentOf<Duration>(call[0])) return whole(duration->count());
  if (const auto* const month = contentOf<std::chrono::month>(call[0])) return whole(static_cast<unsigned>(*month));
  if (const auto* const day = contentOf<std::chrono::weekday>(call[0])) return whole(day->c_encoding());
  return toInt(call[0], "int");
}
Result<Value> floatOf(Call& call) { return toFloat(call[0], "float"); }

Result<Value> abs(Call& call) {
  if (!call[0].isInt()) return Value(std::abs(call[0].asDouble()));
  const std::int64_t number = call[0].asInt();
  if (number == std::numeric_limits<std::int64_t>::min()) return bad("the result of abs is out of range");
  return whole(std::abs(number));
}

Result<Value> ceil(Call& call) { return Value(std::ceil(call[0].asDouble())); }
Result<Value> floor(Call& call) { return Value(std::floor(call[0].asDouble())); }
Result<Value> round(Call& call) { return Value(std::round(call[0].asDouble())); }

// All numbers, or all durations, of the arguments and of the lists in them.
Result<void> gather(const Value& value, std::string_view name, Budget& budget, std::vector<Value>& out) {
  if (value.isNumber() || contentOf<Duration>(value) != nullptr) {
    if (!out.empty() && out.front().isNumber() != value.isNumber()) {
      return bad(fmt::format("{} of numbers and durations mixed", name));
    }
    out.push_back(value);
    return budget.work(1);
  }
  if (!value.isArray()) return bad(fmt::format("invalid argument for {} (type {})", name, typeName(value)));
  for (const Value& element : value.asArray()) {
    if (Result<void> done = gather(element, name, budget, out); !done) return done;
  }
  return {};
}

Result<std::vector<Value>> numbers(Call& call, std::string_view name) {
  std::vector<Value> out;
  for (std::size_t i = 0; i < call.size(); ++i) {
    if (Result<void> done = gather(call[i], name, call.budget(), out); !done) return std::unexpected(done.error());
  }
  return out;
}

bool below(const Value& a, const Value& b) {
  if (!a.isNumber()) return compareTemporal(a, b).value_or(0) < 0;
  return a.isInt() && b.isInt() ? a.asInt() < b.asInt() : a.asDouble() < b.asDouble();
}

// Of a duration its nanoseconds, as the peer has it.
double amount(const Value& value) {
  if (const auto* const duration = contentOf<Duration>(value)) return static_cast<double>(duration->count());
  return value.asDouble();
}

// Of nothing: nil, so that a comparison with it is an error.
Result<Value> max(Call& call) {
  const Result<std::vector<Value>> all = numbers(call, "max");
  if (!all) return std::unexpected(all.error());
  Value most;
  for (const Value& each : *all) {
    if (most.isNull() || below(most, each)) most = each;
  }
  return most;
}

Result<Value> min(Call& call) {
  const Result<std::vector<Value>> all = numbers(call, "min");
  if (!all) return std::unexpected(all.error());
  Value least;
  for (const Value& each : *all) {
    if (least.isNull() || below(each, least)) least = each;
  }
  return least;
}

Result<Value> mean(Call& call) {
  const Result<std::vector<Value>> all = numbers(call, "mean");
  if (!all) return std::unexpected(all.error());
  double sum = 0;
  for (const Value& each : *all) sum += amount(each);
  return Value(all->empty() ? 0.0 : sum / static_cast<double>(all->size()));
}

Result<Value> median(Call& call) {
  const Result<std::vector<Value>> all = numbers(call, "median");
  if (!all) return std::unexpected(all.error());
  if (all->empty()) return Value(0.0);
  std::vector<double> sorted;
  for (const Value& each : *all) sorted.push_back(amount(each));
  // NaN has no place in an order: it goes first, as in the peer.
  std::ranges::sort(sorted, [](double a, double b) { return a < b || (std::isnan(a) && !std::isnan(b)); });
  const std::size_t middle = sorted.size() / 2;
  return Value(sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2);
}

Result<Value> bitAnd(Call& call) { return whole(call[0].asInt() & call[1].asInt()); }
Result<Value> bitOr(Call& call) { return whole(call[0].asInt() | call[1].asInt()); }
Result<Value> bitXor(Call& call) { return whole(call[0].asInt() ^ call[1].asInt()); }
// Go's a &^ b: the bits of a that are not in b.
Result<Value> bitNand(Call& call) { return whole(call[0].asInt() & ~call[1].asInt()); }
Result<Value> bitNot(Call& call) { return whole(~call[0].asInt()); }

Result<std::int64_t> shift(Call& call) {
  const std::int64_t by = call[1].asInt();
  if (by < 0) return bad(fmt::format("a number cannot be shifted by {}: the count must not be negative", by));
  return std::min<std::int64_t>(by, 64);
}

Result<Value> bitLeft(Call& call) {
  const Result<std::int64_t> by = shift(call);
  if (!by) return std::unexpected(by.error());
  const auto bits = static_cast<std::uint64_t>(call[0].asInt());
  return whole(*by == 64 ? 0 : static_cast<std::int64_t>(bits << *by));
}

Result<Value> bitRight(Call& call) {
  const Result<std::int64_t> by = shift(call);
  if (!by) return std::unexpected(by.error());
  return whole(call[0].asInt() >> std::min<std::int64_t>(*by, 63));
}

Result<Value> bitRightUnsigned(Call& call) {
  const Result<std::int64_t> by = shift(call);
  if (!by) return std::unexpected(by.error());
  const auto bits = static_cast<std::uint64_t>(call[0].asInt());
  return whole(*by == 64 ? 0 : static_cast<std::int64_t>(bits >> *by));
}

constexpr std::array<Builtin, 24> kBuiltins = {{{"isNaN", 1, 1, "n", 'b', isNaN},
                                                {"isInf", 1, 1, "n", 'b', isInf},
                                                {"isNil", 1, 1, "a", 'b', isNil},
                                                {"default", 2, 2, "a", 'a', orDefault},
                                                {"asInt", 1, 1, "a", 'i', asInt},
                                                {"asFloat", 1, 1, "a", 'f', asFloat},
                                                {"int", 1, 1, "w", 'i', intOf},
                                                {"float", 1, 1, "t", 'f', floatOf},
                                                {"abs", 1, 1, "n", '=', abs},
                                                {"ceil", 1, 1, "n", 'f', ceil},
                                                {"floor", 1, 1, "n", 'f', floor},
                                                {"round", 1, 1, "n", 'f', round},
                                                {"max", 1, kAnyNumber, "v", 'g', max},
                                                {"min", 1, kAnyNumber, "v", 'g', min},
                                                {"mean", 1, kAnyNumber, "v", 'a', mean},
                                                {"median", 1, kAnyNumber, "v", 'a', median},
                                                {"bitand", 2, 2, "i", 'i', bitAnd},
                                                {"bitor", 2, 2, "i", 'i', bitOr},
                                                {"bitxor", 2, 2, "i", 'i', bitXor},
                                                {"bitnand", 2, 2, "i", 'i', bitNand},
                                                {"bitnot", 1, 1, "i", 'i', bitNot},
                                                {"bitshl", 2, 2, "i", 'i', bitLeft},
                                                {"bitshr", 2, 2, "i", 'i', bitRight},
                                                {"bitushr", 2, 2, "i", 'i', bitRightUnsigned}}};

}  // namespace

std::span<const Builtin> numberBuiltins() { return kBuiltins; }

}  // namespace towpath::expr
