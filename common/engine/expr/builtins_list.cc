// Functions of lists and maps that ask no predicate.

#include <algorithm>
#include <array>

#include "engine/expr/builtins.h"
#include "engine/expr/operators.h"
#include "engine/expr/order.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

Result<Value> len(Call& call) {
  const Value& value = call[0];
  if (value.isArray()) return Value(static_cast<long long>(value.asArray().size()));
  if (value.isObject()) return Value(static_cast<long long>(value.asObject().size()));
  // Characters, not bytes: continuation bytes of UTF-8 don't count.
  const auto count = std::ranges::count_if(value.asStringView(),
                                           [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return Value(static_cast<long long>(count));
}

Result<Value> type(Call& call) {
  switch (call[0].kind()) {
    case Value::Kind::kArray:
      return Value("array");
    case Value::Kind::kDouble:
      return Value("float");
    default:
      return Value(typeName(call[0]));
  }
}

Result<Value> first(Call& call) { return call.list(0).empty() ? Value() : call.list(0).front(); }
Result<Value> last(Call& call) { return call.list(0).empty() ? Value() : call.list(0).back(); }

// Nil where there is nothing, unlike [].
Result<Value> get(Call& call) {
  const bool of_list = call[0].isArray() && call[1].isNumber();
  const bool of_map = call[0].isObject() && (call[1].isString() || call[1].isNull());
  if (!of_list && !of_map && !call[0].isNull()) {
    return bad(fmt::format("cannot use {} to get an element from {}", typeName(call[1]), typeName(call[0])));
  }
  const Result<Value> found = fetch(call[0], call[1]);
  return found ? *found : Value();
}

Result<Value> take(Call& call) {
  const Array& list = call.list(0);
  const std::int64_t count = call[1].asInt();
  if (count < 0) return bad(fmt::format("take needs a count from 0, not {}", count));
  const auto end = std::min<std::int64_t>(count, std::ssize(list));
  return Value(Array(list.begin(), list.begin() + end));
}

Result<Value> keys(Call& call) {
  Array out;
  for (const Object::Member& member : call[0].asObject()) out.push_back(Value(member.key));
  return Value(std::move(out));
}

Result<Value> values(Call& call) {
  Array out;
  for (const Object::Member& member : call[0].asObject()) out.push_back(member.value);
  return Value(std::move(out));
}

Result<Value> toPairs(Call& call) {
  Array out;
  for (const Object::Member& member : call[0].asObject()) {
    out.push_back(Value(Array{Value(member.key), member.value}));
  }
  return Value(std::move(out));
}

Result<Value> fromPairs(Call& call) {
  Object out;
  for (const Value& pair : call.list(0)) {
    if (pair.asArray().size() != 2 || !pair[std::size_t{0}].isString()) {
      return bad("fromPairs needs lists of a string and a value, as toPairs gives them");
    }
    if (Result<void> done = call.budget().work(1 + out.size() / 8); !done) return std::unexpected(done.error());
    out.set(pair[std::size_t{0}].asStringView(), pair[1]);
  }
  return Value(std::move(out));
}

Result<Value> reverse(Call& call) { return Value(Array(call.list(0).rbegin(), call.list(0).rend())); }

Result<Value> uniq(Call& call) {
  Array out;
  for (const Value& element : call.list(0)) {
    std::size_t cost = 1;
    for (const Value& seen : out) cost += breadth(seen);
    if (Result<void> done = call.budget().work(cost); !done) return std::unexpected(done.error());
    if (std::ranges::none_of(out, [&](const Value& seen) { return equal(seen, element); })) out.push_back(element);
  }
  return Value(std::move(out));
}

Result<Value> concat(Call& call) {
  Array out;
  for (std::size_t i = 0; i < call.size(); ++i) {
    if (Result<void> room = call.budget().room(out.size() + call.list(i).size()); !room) {
      return std::unexpected(room.error());
    }
    out.insert(out.end(), call.list(i).begin(), call.list(i).end());
  }
  return Value(std::move(out));
}

void flattenInto(const Value& value, Array& out) {
  for (const Value& element : value.asArray()) {
    if (element.isArray()) {
      flattenInto(element, out);
    } else {
      out.push_back(element);
    }
  }
}

Result<Value> flatten(Call& call) {
  Array out;
  flattenInto(call[0], out);
  return Value(std::move(out));
}

Result<Value> sort(Call& call) {
  const Result<bool> descending = isDescending(call.size() == 2 ? call.text(1) : "asc");
  if (!descending) return std::unexpected(descending.error());
  const Array& list = call.list(0);
  if (Result<void> sortable = checkSortable("sort", list); !sortable) return std::unexpected(sortable.error());
  if (Result<void> done = call.budget().work(list.size() * 16); !done) return std::unexpected(done.error());
  Array out = list;
  std::ranges::sort(out, [&](const Value& a, const Value& b) { return *descending ? before(b, a) : before(a, b); });
  return Value(std::move(out));
}

constexpr std::array<Builtin, 15> kBuiltins = {{{"len", 1, 1, "c", 'i', len},
                                                {"type", 1, 1, "a", 's', type},
                                                {"first", 1, 1, "l", 'a', first},
                                                {"last", 1, 1, "l", 'a', last},
                                                {"get", 2, 2, "a", 'e', get},
                                                {"take", 2, 2, "li", 'l', take},
                                                {"keys", 1, 1, "m", 'l', keys},
                                                {"values", 1, 1, "m", 'l', values},
                                                {"toPairs", 1, 1, "m", 'l', toPairs},
                                                {"fromPairs", 1, 1, "l", 'm', fromPairs},
                                                {"reverse", 1, 1, "l", 'l', reverse},
                                                {"uniq", 1, 1, "l", 'l', uniq},
                                                {"concat", 1, kAnyNumber, "l", 'l', concat},
                                                {"flatten", 1, 1, "l", 'l', flatten},
                                                {"sort", 1, 2, "ls", 'l', sort}}};

}  // namespace

std::span<const Builtin> listBuiltins() { return kBuiltins; }

}  // namespace towpath::expr
