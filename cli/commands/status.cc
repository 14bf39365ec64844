#include "cli/command.h"
#include "cli/rollout_watch.h"
#include "loop/loop.h"

namespace towpath::cli {
namespace {

// The controller has seen the newest spec; a phase from before a change says nothing about it.
bool isCurrent(const Value& rollout) {
  return rollout["status"]["observedGeneration"].asStringView() ==
         std::to_string(rollout["metadata"]["generation"].asInt());
}

std::string describeStatus(const Value& rollout) {
  const std::string phase = isCurrent(rollout) ? rollout["status"]["phase"].asString("Progressing") : "Progressing";
  const std::string message =
      isCurrent(rollout) ? rollout["status"]["message"].asString() : "waiting for rollout spec update to be observed";
  return message.empty() ? phase : phase + " - " + message;
}

}  // namespace

Exit status(Context context, StatusOptions options) {
  const Value first = co_await readRollout(context, options.rollout);
  if (!options.watch) {
    const std::string phase = first["status"]["phase"].asString();
    print((phase == "Healthy" || phase == "Degraded" ? phase : describeStatus(first)) + "\n");
  }
  RolloutWatch watch(context.api, options.rollout, RolloutWatch::Depth::kRolloutOnly);
  loop::Loop& loop = context.api.loop();
  const MonoTime end = options.timeout > Duration::zero() ? loop.now() + options.timeout : MonoTime::max();
  std::string shown;
  while (options.watch) {
    if (watch.synced()) {
      if (!watch.exists())
        throw Failure{{ErrorKind::kNotFound, fmt::format("rollout \"{}\" was deleted", options.rollout), ""}};
      const std::string text = describeStatus(watch.rollout());
      if (text != shown) print(text + "\n");
      shown = text;
      const std::string_view phase = watch.rollout()["status"]["phase"].asStringView();
      if (isCurrent(watch.rollout()) && (phase == "Healthy" || phase == "Degraded")) break;
    }
    if (loop.now() >= end) throw Failure{{ErrorKind::kTimeout, "Rollout status watch exceeded timeout", ""}};
    co_await watch.changed(std::min<Duration>(std::chrono::seconds(1), end - loop.now()));
  }
  const Value& rollout = options.watch ? watch.rollout() : first;
  if (rollout["status"]["phase"].asStringView() == "Degraded") {
    throw Failure{{ErrorKind::kInvalid,
                   "The rollout is in a degraded state with message: " + rollout["status"]["message"].asString(), ""}};
  }
  co_return 0;
}

}  // namespace towpath::cli
