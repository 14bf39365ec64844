#include "metrics/exec_job.h"

#include <algorithm>

#include "metrics/exchange.h"

namespace towpath::metrics {
namespace {

constexpr Duration kDefaultTimeout = 5min;

}  // namespace

Result<Value> jobOfExec(const Value& exec) {
  if (exec["image"].asStringView().empty()) return fail(ErrorKind::kInvalid, "an image is wanted", "image");
  const bool texts = std::ranges::all_of(exec["command"].asArray(), [](const Value& word) { return word.isString(); });
  if (exec["command"].asArray().empty() || !texts) {
    return fail(ErrorKind::kInvalid, "a list such as [\"./smoke\"] is wanted", "command");
  }
  const Result<Duration> timeout = durationAt(exec, "timeout", kDefaultTimeout);
  if (!timeout) return std::unexpected(timeout.error());
  if (*timeout < 1s) return fail(ErrorKind::kInvalid, "must be 1s at least", "timeout");
  const Result<std::int64_t> retries = wholeNumberAt(exec, "retries", 0);
  if (!retries) return std::unexpected(retries.error());
  if (*retries < 0 || *retries > 100) return fail(ErrorKind::kInvalid, "must be from 0 to 100", "retries");

  Value container = Object{{"name", "exec"}, {"image", exec["image"]}, {"command", exec["command"]}};
  Array environment;
  for (const auto& [name, value] : exec["env"].asObject()) {
    if (!value.isString()) return fail(ErrorKind::kInvalid, "must be a text", "env." + name);
    environment.push_back(Object{{"name", name}, {"value", value}});
  }
  if (!environment.empty()) container["env"] = std::move(environment);
  Value pod = Object{{"restartPolicy", "Never"}, {"containers", Array{std::move(container)}}};
  if (exec["nodeSelector"].isObject()) pod["nodeSelector"] = exec["nodeSelector"];
  return Value(Object{
      {"spec", Object{{"backoffLimit", *retries},
                      {"activeDeadlineSeconds", std::chrono::duration_cast<std::chrono::seconds>(*timeout).count()},
                      {"template", Object{{"spec", std::move(pod)}}}}}});
}

}  // namespace towpath::metrics
