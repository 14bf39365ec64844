#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "engine/calendar/element.h"
#include "engine/calendar/layout.h"

namespace towpath::calendar {
namespace {

bool isDigit(std::string_view text, std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }
bool isUpper(char c) { return c >= 'A' && c <= 'Z'; }

// The length of "+3" or "-12" at the front; 0 if there is none, or more than 23 hours.
std::size_t signedHours(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return 0;
  unsigned hours = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), hours);
  return error == std::errc() && hours <= 23 ? static_cast<std::size_t>(end - text.data()) : 0;
}

// The length of a zone's name at the front, by Go's rules: three or more capitals, "ChST", "GMT+3", "+03".
std::size_t zoneNameLength(std::string_view text) {
  if (text.size() < 3) return 0;
  if (text.starts_with("ChST") || text.starts_with("MeST")) return 4;
  if (text.starts_with("GMT")) return 3 + signedHours(text.substr(3));
  if (text[0] == '+' || text[0] == '-') return signedHours(text);
  const auto capitals = static_cast<std::size_t>(std::ranges::find_if_not(text, isUpper) - text.begin());
  if (capitals == 3) return 3;
  if (capitals == 4 && (text[3] == 'T' || text.starts_with("WITA"))) return 4;
  return capitals == 5 && text[4] == 'T' ? 5 : 0;
}

// Reads the text along the layout. An element is read, refused, or out of its range.
class Reader {
 public:
  Reader(std::string_view layout, std::string_view text, const Zone& zone)
      : whole_layout_(layout), whole_(text), rest_(text), zone_(zone) {}

  Result<Instant> read() {
    std::string_view layout = whole_layout_;
    while (true) {
      const std::optional<Found> found = nextElement(layout);
      const std::string_view prefix = found ? found->before : layout;
      if (!skip(prefix)) return refused(rest_, prefix);
      if (!found) break;
      const std::string_view here = rest_;
      layout = found->after;
      if (!element(*found, layout)) return refused(here, found->text);
      if (!out_of_range_.empty()) return bad(fmt::format("{} out of range", out_of_range_));
    }
    if (!rest_.empty()) return bad(fmt::format("extra text: \"{}\"", rest_));
    return result();
  }

 private:
  std::unexpected<Error> refused(std::string_view here, std::string_view wanted) const {
    return fail(ErrorKind::kInvalid, fmt::format("parsing time \"{}\" as \"{}\": cannot parse \"{}\" as \"{}\"", whole_,
                                                 whole_layout_, here, wanted));
  }
  std::unexpected<Error> bad(std::string_view what) const {
    return fail(ErrorKind::kInvalid, fmt::format("parsing time \"{}\": {}", whole_, what));
  }

  void skipSpaces(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); }

  // Text as it stands; a space stands for any number of them.
  bool skip(std::string_view prefix) {
    while (!prefix.empty()) {
      if (prefix[0] == ' ') {
        if (!rest_.empty() && rest_[0] != ' ') return false;
        skipSpaces(prefix);
        skipSpaces(rest_);
        continue;
      }
      if (rest_.empty() || rest_[0] != prefix[0]) return false;
      prefix.remove_prefix(1);
      rest_.remove_prefix(1);
    }
    return true;
  }

  // Between `least` and `most` digits.
  bool number(std::size_t least, std::size_t most, int& out) {
    std::size_t count = 0;
    while (count < most && isDigit(rest_, count)) ++count;
    if (count < least) return false;
    std::from_chars(rest_.data(), rest_.data() + count, out);
    rest_.remove_prefix(count);
    return true;
  }
  bool bounded(std::size_t least, int lowest, int highest, std::string_view what, int& out) {
    if (!number(least, 2, out)) return false;
    if (out < lowest || out > highest) out_of_range_ = what;
    return true;
  }

  // One of the names, in any case; its number from 1, or 0.
  template <class NameOf>
  int named(int count, std::size_t length, NameOf name_of) {
    for (int i = 1; i <= count; ++i) {
      const std::string_view name = name_of(i).substr(0, length);
      const auto alike = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
      if (rest_.size() < name.size() || !std::ranges::equal(rest_.substr(0, name.size()), name, alike)) continue;
      rest_.remove_prefix(name.size());
      return i;
    }
    return 0;
  }
  bool month(std::size_t length) {
    month_ = named(12, length, [](int i) { return monthName(std::chrono::month(static_cast<unsigned>(i))); });
    return month_ > 0;
  }
  bool weekday(std::size_t length) {
    return named(7, length, [](int i) { return weekdayName(std::chrono::weekday(static_cast<unsigned>(i - 1))); }) > 0;
  }

  bool year(std::size_t digits) {
    int read = 0;
    if (!number(digits, digits, read)) return false;
    year_ = digits == 4 ? read : read + (read >= 69 ? 1900 : 2000);
    return true;
  }

  bool yearDay(bool padded) {
    for (int i = 0; i < 2 && padded && !rest_.empty() && rest_[0] == ' '; ++i) rest_.remove_prefix(1);
    return number(padded ? 1 : 3, 3, year_day_.emplace());
  }

  bool day(const Found& found) {
    if (found.element == Element::kSpaceDay && !rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
    return number(found.element == Element::kZeroDay ? 2 : 1, 2, day_.emplace());
  }

  bool half(bool upper) {
    const bool after_noon = rest_.starts_with(upper ? "PM" : "pm");
    if (!after_noon && !rest_.starts_with(upper ? "AM" : "am")) return false;
    half_ = after_noon ? Half::kPm : Half::kAm;
    rest_.remove_prefix(2);
    return true;
  }

  // A fraction may stand after the seconds although the layout has none.
  bool second(std::size_t least, std::string_view layout) {
    if (!bounded(least, 0, 59, "second", second_)) return false;
    if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || !isDigit(rest_, 1)) return true;
    const std::optional<Found> next = nextElement(layout);
    if (next && (next->element == Element::kFraction || next->element == Element::kShortFraction)) return true;
    readFraction(rest_.size());
    return true;
  }

  // A point and at most so many digits; those beyond the ninth say nothing here.
  void readFraction(std::size_t most) {
    std::int64_t unit = 100'000'000;
    std::size_t at = 1;
    nanos_ = 0;
    for (; at <= most && isDigit(rest_, at); ++at, unit /= 10) nanos_ += (rest_[at] - '0') * unit;
    rest_.remove_prefix(at);
  }

  bool fraction(const Found& found) {
    const bool there = rest_.size() >= 2 && (rest_[0] == '.' || rest_[0] == ',') && isDigit(rest_, 1);
    if (found.element == Element::kShortFraction) {
      if (there) readFraction(rest_.size());
      return true;
    }
    const std::size_t digits = found.text.size() - 1;
    if (!there || rest_.size() <= digits) return false;
    for (std::size_t i = 1; i <= digits; ++i) {
      if (!isDigit(rest_, i)) return false;
    }
    readFraction(digits);
    return true;
  }

  bool offset(const OffsetForm& form) {
    if (form.z && rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      utc_ = true;
      return true;
    }
    if (rest_.empty() || (rest_[0] != '+' && rest_[0] != '-')) return false;
    const int sign = rest_[0] == '-' ? -1 : 1;
    rest_.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    const auto part = [&](int& out) {
      if (form.colons && (rest_.empty() || rest_[0] != ':')) return false;
      if (form.colons) rest_.remove_prefix(1);
      return number(2, 2, out);
    };
    if (!number(2, 2, hours) || (form.minutes && !part(minutes)) || (form.seconds && !part(seconds))) return false;
    if (hours > 24) out_of_range_ = "time zone offset hour";
    if (minutes > 60) out_of_range_ = "time zone offset minute";
    if (seconds > 60) out_of_range_ = "time zone offset second";
    east_ = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
  }

  bool zoneName() {
    if (rest_.starts_with("UTC")) {
      rest_.remove_prefix(3);
      utc_ = true;
      return true;
    }
    const std::size_t length = zoneNameLength(rest_);
    zone_name_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return length > 0;
  }

  // `layout` is what follows the element.
  bool element(const Found& found, std::string_view layout) {
    switch (found.element) {
      case Element::kLongYear:
        return year(4);
      case Element::kYear:
        return year(2);
      case Element::kLongMonth:
        return month(std::string_view::npos);
      case Element::kMonth:
        return month(3);
      case Element::kNumMonth:
      case Element::kZeroMonth:
        return bounded(found.text.size(), 1, 12, "month", month_);
      case Element::kLongWeekday:
        return weekday(std::string_view::npos);
      case Element::kWeekday:
        return weekday(3);
      case Element::kDay:
      case Element::kSpaceDay:
      case Element::kZeroDay:
        return day(found);
      case Element::kSpaceYearDay:
        return yearDay(true);
      case Element::kZeroYearDay:
        return yearDay(false);
      case Element::kHour:
        return bounded(1, 0, 23, "hour", hour_);
      case Element::kHour12:
      case Element::kZeroHour12:
        return bounded(found.text.size(), 0, 12, "hour", hour_);
      case Element::kMinute:
      case Element::kZeroMinute:
        return bounded(found.text.size(), 0, 59, "minute", minute_);
      case Element::kSecond:
      case Element::kZeroSecond:
        return second(found.text.size(), layout);
      case Element::kUpperHalf:
        return half(true);
      case Element::kLowerHalf:
        return half(false);
      case Element::kZoneName:
        return zoneName();
      case Element::kOffset:
        return offset(found.offset);
      case Element::kFraction:
      case Element::kShortFraction:
        return fraction(found);
    }
    return false;
  }

  // The day of the year gives month and day, which must not say otherwise.
  std::string_view placeYearDay() {
    if (*year_day_ < 1 || *year_day_ > (daysIn(year_, 2) == 29 ? 366 : 365)) return "day-of-year out of range";
    int day_of_month = *year_day_;
    int found = 1;
    while (day_of_month > daysIn(year_, found)) day_of_month -= daysIn(year_, found++);
    if (month_ > 0 && month_ != found) return "day-of-year does not match month";
    if (day_ && *day_ != day_of_month) return "day-of-year does not match day";
    month_ = found;
    day_ = day_of_month;
    return "";
  }

  Result<Instant> result() {
    if (half_ == Half::kPm && hour_ < 12) hour_ += 12;
    if (half_ == Half::kAm && hour_ == 12) hour_ = 0;
    if (year_day_) {
      if (const std::string_view wrong = placeYearDay(); !wrong.empty()) return bad(wrong);
    }
    if (month_ == 0) month_ = 1;
    const int day = day_.value_or(1);
    if (day < 1 || day > daysIn(year_, month_)) return bad("day out of range");
    const Reading reading{year_, month_, day, hour_, minute_, second_};
    if (utc_) return instantAt(reading, nanos_, Zone());
    if (east_) return withOffset(instantAt(reading, nanos_, Zone()), *east_);
    if (!zone_name_.empty()) return withName(instantAt(reading, nanos_, Zone()));
    return instantAt(reading, nanos_, zone_);
  }

  // In the zone that was asked for if that is its offset then, else in one of that offset.
  Instant withOffset(Instant time, std::int64_t east) const {
    time.seconds -= east;
    const Zone::Rule rule = zone_.at(time.seconds);
    const bool same = rule.east == east && (zone_name_.empty() || rule.name == zone_name_);
    time.zone = same ? zone_ : Zone::fixed(east, std::string(zone_name_));
    return time;
  }

  // A name that is unknown there says nothing of the offset, but for GMT+3.
  Instant withName(Instant time) const {
    if (const std::optional<std::int64_t> east = zone_.eastOf(zone_name_, time.seconds)) {
      time.seconds -= *east;
      time.zone = zone_;
      return time;
    }
    int hours = 0;
    if (zone_name_.starts_with("GMT") && zone_name_.size() > 3) {
      const std::string_view digits = zone_name_.substr(4);
      std::from_chars(digits.data(), digits.data() + digits.size(), hours);
      if (zone_name_[3] == '-') hours = -hours;
    }
    time.zone = Zone::fixed(std::int64_t{hours} * 3600, std::string(zone_name_));
    return time;
  }

  enum class Half { kNone, kAm, kPm };

  std::string_view whole_layout_;
  std::string_view whole_;
  std::string_view rest_;
  const Zone& zone_;
  std::string_view out_of_range_;

  std::int64_t year_ = 0;
  int month_ = 0;  // 0: not said
  std::optional<int> day_;
  std::optional<int> year_day_;
  int hour_ = 0;
  int minute_ = 0;
  int second_ = 0;
  std::int64_t nanos_ = 0;
  Half half_ = Half::kNone;
  bool utc_ = false;
  std::optional<std::int64_t> east_;
  std::string_view zone_name_;
};

}  // namespace

Result<Instant> parse(std::string_view layout, std::string_view text, const Zone& zone) {
  return Reader(layout, text, zone).read();
}

}  // namespace towpath::calendar
