#include "metrics/own_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "metrics/judge_settings.h"

namespace towpath::metrics {

Result<void> refuseUnknown(const Value& config, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : config.asObject()) {
    if (std::ranges::find(known, std::string_view(key)) == known.end()) {
      return fail(ErrorKind::kInvalid, fmt::format("is not known: the settings are {}", fmt::join(known, ", ")),
                  std::string(key));
    }
  }
  return {};
}

Result<void> checkOwnSettings(const Value& provider) {
  const Value& plugins = provider["plugin"];
  if (const Value& config = plugins["towpath/traffic"]; !config.isNull()) return checkTrafficSettings(config);
  if (const Value& config = plugins["towpath/judge"]; !config.isNull()) {
    const Result<JudgeSettings> settings = readJudgeSettings(config);
    if (!settings) return std::unexpected(settings.error());
  }
  return {};
}

}  // namespace towpath::metrics
