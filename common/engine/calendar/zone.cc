#include "engine/calendar/zone.h"

#include <cstdlib>
#include <filesystem>

namespace towpath::calendar {
namespace {

using Seconds = cctz::time_point<cctz::seconds>;

constexpr std::int64_t kHalfYear = std::int64_t{182} * 86400;

// The database's file of that name; the library remembers every name that it was ever asked for, and must not be asked
// for endlessly many that are none.
bool isKnown(const std::string& name) {
  const char* const configured = std::getenv("TZDIR");
  const std::filesystem::path directory = configured != nullptr ? configured : "/usr/share/zoneinfo";
  std::error_code ignored;
  return std::filesystem::is_regular_file(directory / name, ignored);
}

}  // namespace

Result<Zone> Zone::load(std::string_view name) {
  Zone zone;
  if (name.empty() || name == "UTC") return zone;
  zone.name_ = name;
  if (name == "Local") return zone;
  if (name.contains("..") || name.front() == '/' || name.contains('\\') || name.contains('\0')) {
    return fail(ErrorKind::kInvalid, "time: invalid location name");
  }
  cctz::time_zone region;
  if (!isKnown(zone.name_) || !cctz::load_time_zone(zone.name_, &region)) {
    return fail(ErrorKind::kInvalid, fmt::format("unknown time zone {}", name));
  }
  zone.region_ = region;
  return zone;
}

Zone Zone::fixed(std::int64_t east, std::string name) {
  Zone zone;
  zone.name_ = std::move(name);
  zone.east_ = east;
  return zone;
}

Zone::Rule Zone::at(std::int64_t seconds) const {
  if (!region_) return {east_, false, name_ == "Local" ? "UTC" : name_};
  const cctz::time_zone::absolute_lookup found = region_->lookup(Seconds(cctz::seconds(seconds)));
  return {found.offset, found.is_dst, found.abbr};
}

// As Go's Date: the offset is looked up twice, first as if the clock showed UTC.
std::int64_t Zone::toUtc(std::int64_t seconds) const {
  const std::int64_t guess = seconds - at(seconds).east;
  return seconds - at(guess).east;
}

std::optional<std::int64_t> Zone::eastOf(std::string_view rule, std::int64_t seconds) const {
  for (const std::int64_t other : {std::int64_t{0}, kHalfYear, -kHalfYear}) {
    const std::int64_t near = seconds + other;
    const Rule found = at(near - at(near).east);
    if (found.name == rule) return found.east;
  }
  return std::nullopt;
}

}  // namespace towpath::calendar
