// Durations of manifests and times of objects: what is read prints as something that reads the same.

#include "base/time.h"
#include "fuzz.h"
#include "model/rollout.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  if (const Result<Duration> duration = parseGoDuration(input)) {
    const std::string text = formatGoDuration(*duration);
    require(parseGoDuration(text) == *duration, text);
    static_cast<void>(formatAge(*duration));
  }
  if (const Result<Duration> pause = model::parsePauseDuration(input)) {
    require(*pause >= 0s, "a pause has no negative length");
    require(*pause % 1s == 0ns, "a pause has whole seconds");
  }
  if (const std::optional<WallTime> time = parseRfc3339(input)) {
    const WallTime whole = std::chrono::floor<std::chrono::seconds>(*time);
    require(parseRfc3339(formatRfc3339(*time)) == whole, formatRfc3339(*time));
    require(parseRfc3339(formatRfc3339Micro(*time)) == std::chrono::floor<std::chrono::microseconds>(*time),
            formatRfc3339Micro(*time));
  }
}

}  // namespace towpath::fuzz
