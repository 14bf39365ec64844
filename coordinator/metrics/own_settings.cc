#include "metrics/own_settings.h"

#include "metrics/judge_settings.h"

namespace towpath::metrics {

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
