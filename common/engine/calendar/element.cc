#include "engine/calendar/element.h"

#include <algorithm>
#include <array>

namespace towpath::calendar {
namespace {

struct Spelling {
  std::string_view text;
  Element element;
};

// Those that begin alike: longer ones first.
constexpr std::array<Spelling, 23> kSpellings = {{{"January", Element::kLongMonth},
                                                  {"Jan", Element::kMonth},
                                                  {"Monday", Element::kLongWeekday},
                                                  {"Mon", Element::kWeekday},
                                                  {"MST", Element::kZoneName},
                                                  {"002", Element::kZeroYearDay},
                                                  {"01", Element::kZeroMonth},
                                                  {"02", Element::kZeroDay},
                                                  {"03", Element::kZeroHour12},
                                                  {"04", Element::kZeroMinute},
                                                  {"05", Element::kZeroSecond},
                                                  {"06", Element::kYear},
                                                  {"15", Element::kHour},
                                                  {"1", Element::kNumMonth},
                                                  {"2006", Element::kLongYear},
                                                  {"2", Element::kDay},
                                                  {"__2", Element::kSpaceYearDay},
                                                  {"_2", Element::kSpaceDay},
                                                  {"3", Element::kHour12},
                                                  {"4", Element::kMinute},
                                                  {"5", Element::kSecond},
                                                  {"PM", Element::kUpperHalf},
                                                  {"pm", Element::kLowerHalf}}};

struct Offset {
  std::string_view text;  // after its first letter
  OffsetForm form;
};

constexpr std::array<Offset, 5> kOffsets = {{{"070000", {false, false, true, true}},
                                             {"07:00:00", {false, true, true, true}},
                                             {"0700", {false, false, true, false}},
                                             {"07:00", {false, true, true, false}},
                                             {"07", {false, false, false, false}}}};

bool isDigit(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }
bool isLower(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= 'a' && text[at] <= 'z'; }

// ".000" or ",999": a run of one digit that no other digit follows.
std::size_t fractionAt(std::string_view rest) {
  if ((rest[0] != '.' && rest[0] != ',') || rest.size() < 2 || (rest[1] != '0' && rest[1] != '9')) return 0;
  const std::size_t end = std::min(rest.find_first_not_of(rest[1], 1), rest.size());
  return isDigit(rest, end) ? 0 : end;
}

std::optional<Found> elementAt(std::string_view rest) {
  if (rest[0] == 'Z' || rest[0] == '-') {
    for (const Offset& each : kOffsets) {
      if (!rest.substr(1).starts_with(each.text)) continue;
      OffsetForm form = each.form;
      form.z = rest[0] == 'Z';
      return Found{{}, Element::kOffset, rest.substr(0, each.text.size() + 1), {}, form};
    }
    return std::nullopt;
  }
  if (const std::size_t size = fractionAt(rest); size > 0) {
    return Found{{}, rest[1] == '0' ? Element::kFraction : Element::kShortFraction, rest.substr(0, size), {}, {}};
  }
  // "_2006" is a year after an underscore.
  if (rest.starts_with("_2006")) return std::nullopt;
  for (const Spelling& each : kSpellings) {
    if (!rest.starts_with(each.text)) continue;
    // "Janet" and "Month" are words.
    if ((each.text == "Jan" || each.text == "Mon") && isLower(rest, 3)) continue;
    return Found{{}, each.element, rest.substr(0, each.text.size()), {}, {}};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Found> nextElement(std::string_view layout) {
  for (std::size_t at = 0; at < layout.size(); ++at) {
    std::optional<Found> found = elementAt(layout.substr(at));
    if (!found) continue;
    found->before = layout.substr(0, at);
    found->after = layout.substr(at + found->text.size());
    return found;
  }
  return std::nullopt;
}

}  // namespace towpath::calendar
