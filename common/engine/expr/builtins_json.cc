// JSON as text in conditions: as Go's encoding/json writes and reads it.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "engine/calendar/layout.h"
#include "engine/expr/builtins.h"
#include "engine/expr/temporal.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::expr {
namespace {

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

// One member a line, members sorted, two spaces a level.
class Writer {
 public:
  explicit Writer(Budget& budget) : budget_(budget) {}

  Result<std::string> text(const Value& value) {
    if (Result<void> done = write(value, 0); !done) return std::unexpected(done.error());
    return std::move(out_);
  }

 private:
  Result<void> write(const Value& value, std::size_t depth) {
    if (const Array* const list = value.ifArray(); list != nullptr && !list->empty()) return array(*list, depth);
    if (const Object* const map = value.ifObject(); map != nullptr && !map->empty()) return object(*map, depth);
    if (const Temporal* const temporal = temporalIn(value)) return moment(temporal->content());
    if (const double* const number = value.ifDouble()) {
      if (!std::isfinite(*number)) {
        const char* const name = std::isnan(*number) ? "NaN" : *number > 0 ? "+Inf" : "-Inf";
        return bad(fmt::format("json: unsupported value: {}", name));
      }
      json::appendGoNumber(*number, out_);
    } else if (const std::string* const text = value.ifString()) {
      json::appendGoString(*text, out_);
    } else {
      json::serializeTo(value, out_);
    }
    return budget_.room(textUnits(out_.size()));
  }

  void newLine(std::size_t depth) {
    out_ += '\n';
    out_.append(2 * depth, ' ');
  }

  Result<void> array(const Array& list, std::size_t depth) {
    out_ += '[';
    for (const Value& element : list) {
      if (&element != &list.front()) out_ += ',';
      newLine(depth + 1);
      if (Result<void> done = write(element, depth + 1); !done) return done;
    }
    newLine(depth);
    out_ += ']';
    return {};
  }

  Result<void> object(const Object& map, std::size_t depth) {
    std::vector<const Object::Member*> members;
    for (const Object::Member& member : map) members.push_back(&member);
    std::ranges::sort(members, {}, [](const Object::Member* member) { return std::string_view(member->key); });
    out_ += '{';
    for (const Object::Member* const member : members) {
      if (member != members.front()) out_ += ',';
      newLine(depth + 1);
      json::appendGoString(member->key, out_);
      out_ += ": ";
      if (Result<void> done = write(member->value, depth + 1); !done) return done;
    }
    newLine(depth);
    out_ += '}';
    return {};
  }

  Result<void> moment(const Temporal::Content& content) {
    if (const auto* const time = std::get_if<calendar::Instant>(&content)) {
      const std::int64_t year = calendar::readingOf(*time).year;
      if (year < 0 || year > 9999) return bad("Time.MarshalJSON: year outside of range [0,9999]");
      out_ += fmt::format("\"{}\"", calendar::format(*time, "2006-01-02T15:04:05.999999999Z07:00"));
    } else if (const auto* const duration = std::get_if<Duration>(&content)) {
      out_ += std::to_string(duration->count());
    } else if (const auto* const month = std::get_if<std::chrono::month>(&content)) {
      out_ += std::to_string(static_cast<unsigned>(*month));
    } else if (const auto* const day = std::get_if<std::chrono::weekday>(&content)) {
      out_ += std::to_string(day->c_encoding());
    } else {
      out_ += "{}";  // a zone shows nothing of itself
    }
    return {};
  }

  Budget& budget_;
  std::string out_;
};

Result<Value> toJson(Call& call) {
  Result<std::string> text = Writer(call.budget()).text(call[0]);
  if (!text) return std::unexpected(text.error());
  if (Result<void> done = call.budget().work(text->size() / 16); !done) return std::unexpected(done.error());
  return Value(std::move(*text));
}

Result<Value> fromJson(Call& call) {
  if (Result<void> room = call.budget().room(textUnits(call.text(0).size())); !room) {
    return std::unexpected(room.error());
  }
  Result<Value> value = json::parse(call.text(0));
  if (!value) return bad("fromJSON: " + value.error().message);
  return json::withDoubles(std::move(*value));
}

constexpr std::array<Builtin, 2> kBuiltins = {
    {{"toJSON", 1, 1, "a", 's', toJson}, {"fromJSON", 1, 1, "s", 'a', fromJson}}};

}  // namespace

std::span<const Builtin> jsonBuiltins() { return kBuiltins; }

}  // namespace towpath::expr
