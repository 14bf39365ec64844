#include "engine/expr/predicates.h"

#include <algorithm>
#include <numeric>

#include "engine/expr/builtins.h"
#include "engine/expr/operators.h"
#include "engine/expr/order.h"
#include "engine/expr/temporal.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

Result<bool> holds(const Asking& asking, std::size_t index) {
  const Value& element = asking.list[index];
  // count(list) counts what is true.
  const Result<Held> answer = asking.ask ? asking.ask({&element, index}) : Held::lend(element);
  if (!answer) return std::unexpected(answer.error());
  if (const bool* yes = (*answer)->ifBool()) return *yes;
  return bad(fmt::format("the predicate of {} needs bool, not {}", asking.function, typeName(**answer)));
}

// How many hold; stops after `enough`.
Result<std::size_t> count(const Asking& asking, std::size_t enough) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < asking.list.size() && found < enough; ++i) {
    const Result<bool> yes = holds(asking, i);
    if (!yes) return std::unexpected(yes.error());
    found += *yes ? 1 : 0;
  }
  return found;
}

Result<Value> all(const Asking& asking) {
  for (std::size_t i = 0; i < asking.list.size(); ++i) {
    const Result<bool> yes = holds(asking, i);
    if (!yes) return std::unexpected(yes.error());
    if (!*yes) return Value(false);
  }
  return Value(true);
}

Result<Value> counted(const Asking& asking) {
  const std::string_view name = asking.function;
  const std::size_t enough = name == "count" ? asking.list.size() : name == "one" ? 2 : 1;
  const Result<std::size_t> found = count(asking, enough);
  if (!found) return std::unexpected(found.error());
  if (name == "any") return Value(*found > 0);
  if (name == "none") return Value(*found == 0);
  if (name == "one") return Value(*found == 1);
  return Value(static_cast<long long>(*found));
}

Result<Value> filter(const Asking& asking) {
  Array out;
  for (std::size_t i = 0; i < asking.list.size(); ++i) {
    const Result<bool> yes = holds(asking, i);
    if (!yes) return std::unexpected(yes.error());
    if (*yes) out.push_back(asking.list[i]);
  }
  return Value(std::move(out));
}

// find, findIndex and the same from the end: nil if there is none.
Result<Value> find(const Asking& asking) {
  const bool position = asking.function.ends_with("Index");
  const bool backwards = asking.function.starts_with("findLast");
  const std::size_t size = asking.list.size();
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = backwards ? size - 1 - i : i;
    const Result<bool> yes = holds(asking, at);
    if (!yes) return std::unexpected(yes.error());
    if (*yes) return position ? Value(static_cast<long long>(at)) : asking.list[at];
  }
  return Value();
}

// What the predicate gives for each element.
Result<Array> map(const Asking& asking) {
  Array out;
  for (std::size_t i = 0; i < asking.list.size(); ++i) {
    Result<Held> value = asking.ask({&asking.list[i], i});
    if (!value) return std::unexpected(value.error());
    out.push_back(std::move(*value).take());
    if (Result<void> kept = asking.budget.keep(out.back()); !kept) return std::unexpected(kept.error());
  }
  return out;
}

Result<Value> sum(const Asking& asking) {
  Value total(0);
  for (std::size_t i = 0; i < asking.list.size(); ++i) {
    const Result<Held> value = asking.ask ? asking.ask({&asking.list[i], i}) : Held::lend(asking.list[i]);
    if (!value) return std::unexpected(value.error());
    const bool duration = contentOf<Duration>(**value) != nullptr;
    if (!duration && !(*value)->isNumber()) {
      return bad(fmt::format("sum needs numbers or durations: {} is in it", typeName(**value)));
    }
    if (duration && i == 0) total = temporalValue(Duration(0));
    Result<Value> next = applyBinary("+", total, **value, asking.budget);
    if (!next) return next;
    total = std::move(*next);
  }
  return total;
}

Result<Value> reduce(const Asking& asking) {
  const bool given = asking.third != nullptr;
  if (!given && asking.list.empty()) return bad("reduce of empty array with no initial value: give one as the third");
  Value accumulated = given ? *asking.third : asking.list.front();
  for (std::size_t i = given ? 0 : 1; i < asking.list.size(); ++i) {
    Result<Held> value = asking.ask({&asking.list[i], i, &accumulated});
    if (!value) return std::unexpected(value.error());
    Value next = std::move(*value).take();
    if (Result<void> kept = asking.budget.keep(next); !kept) return std::unexpected(kept.error());
    accumulated = std::move(next);
  }
  return accumulated;
}

// Keys of maps are strings here: other ones are written as one.
Result<std::string> groupKey(const Value& key) {
  if (key.isString()) return key.asString();
  if (key.isInt()) return std::to_string(key.asInt());
  if (key.isBool()) return std::string(key.asBool() ? "true" : "false");
  return bad(fmt::format("groupBy needs a string, a whole number or a bool as the key, not {}", typeName(key)));
}

Result<Value> groupBy(const Asking& asking) {
  const Result<Array> keys = map(asking);
  if (!keys) return std::unexpected(keys.error());
  Object groups;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const Result<std::string> key = groupKey((*keys)[i]);
    if (!key) return std::unexpected(key.error());
    if (Result<void> done = asking.budget.work(1 + groups.size() / 8); !done) return std::unexpected(done.error());
    groups[*key].makeArray().push_back(asking.list[i]);
  }
  return Value(std::move(groups));
}

Result<Value> sortBy(const Asking& asking) {
  const Result<bool> descending = isDescending(asking.third != nullptr ? asking.third->asStringView() : "asc");
  if (!descending) return std::unexpected(descending.error());
  const Result<Array> keys = map(asking);
  if (!keys) return std::unexpected(keys.error());
  if (Result<void> sortable = checkSortable("sortBy", *keys); !sortable) return std::unexpected(sortable.error());
  if (Result<void> done = asking.budget.work(keys->size() * 16); !done) return std::unexpected(done.error());
  std::vector<std::size_t> order(keys->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const Value& left = (*keys)[*descending ? b : a];
    const Value& right = (*keys)[*descending ? a : b];
    if (before(left, right)) return true;
    return !before(right, left) && a < b;  // equal ones stay as they were
  });
  Array out;
  for (const std::size_t at : order) out.push_back(asking.list[at]);
  return Value(std::move(out));
}

}  // namespace

Result<Value> applyPredicate(const Asking& asking) {
  const std::string_view name = asking.function;
  if (name == "all") return all(asking);
  if (name == "filter") return filter(asking);
  if (name.starts_with("find")) return find(asking);
  if (name == "sum") return sum(asking);
  if (name == "reduce") return reduce(asking);
  if (name == "groupBy") return groupBy(asking);
  if (name == "sortBy") return sortBy(asking);
  if (name != "map") return counted(asking);  // any, one, none, count
  Result<Array> mapped = map(asking);
  if (!mapped) return std::unexpected(mapped.error());
  return Value(std::move(*mapped));
}

}  // namespace towpath::expr
