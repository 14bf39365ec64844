#include "cli/takeover.h"

#include <utility>

#include "loop/timeout.h"

namespace towpath::cli {
namespace {

const ApiResource kAutoscalers{
    "autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler",
    {"hpa"},       true};

}  // namespace

bool refersTo(const Value& reference, const TakeoverKind& kind, std::string_view name) {
  return reference["kind"].asStringView() == kind.kind && reference["name"].asStringView() == name;
}

void Takeover::tell(const std::string& what) const { print((dry() ? "would " : "") + what + "\n"); }

loop::Task<void> Takeover::until(std::string what, std::function<loop::Task<bool>()> look) const {
  if (dry()) co_return;
  loop::Loop& loop = context_.api.loop();
  const MonoTime end = loop.now() + options_.timeout;
  while (!co_await look()) {
    if (loop.now() >= end) {
      throw Failure{Error{ErrorKind::kTimeout,
                          fmt::format("{}: not within {}. Nothing is lost: the same command goes on from here", what,
                                      formatGoDuration(options_.timeout)),
                          ""}};
    }
    co_await loop::sleep(loop, std::chrono::seconds(1));
  }
}

loop::Task<std::optional<Value>> Takeover::find(ApiResource resource, std::string name) const {
  auto found = co_await context_.api.get(resource, context_.api.ns(), std::move(name));
  if (!found && found.error().kind == ErrorKind::kNotFound) co_return std::nullopt;
  co_return orFail(std::move(found));
}

loop::Task<void> Takeover::merge(ApiResource resource, std::string name, Value patch) const {
  if (dry()) co_return;
  orFail(
      co_await context_.api.patch(resource, context_.api.ns(), std::move(name), PatchKind::kMerge, std::move(patch)));
}

loop::Task<void> Takeover::repointAutoscalers(TakeoverKind from, TakeoverKind to) const {
  auto list = co_await context_.api.list(kAutoscalers, {context_.api.ns(), "", "", Representation::kObject});
  if (!list && list.error().kind == ErrorKind::kNotFound) co_return;
  const Value found = orFail(std::move(list));
  for (const Value& autoscaler : found["items"].asArray()) {
    if (!refersTo(autoscaler["spec"]["scaleTargetRef"], from, options_.name)) continue;
    const std::string name = autoscaler["metadata"]["name"].asString();
    tell(fmt::format("point the autoscaler {} at the {}", name, to.kind));
    Value patch;
    patch["spec"]["scaleTargetRef"] =
        Object{{"apiVersion", to.api_version}, {"kind", to.kind}, {"name", options_.name}};
    co_await merge(kAutoscalers, name, std::move(patch));
  }
}

}  // namespace towpath::cli
