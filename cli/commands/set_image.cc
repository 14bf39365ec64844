#include "cli/command.h"
#include "cli/images.h"

namespace towpath::cli {
namespace {

constexpr int kConflictRetries = 5;

}  // namespace

Exit setImage(Context context, SetImageOptions options) {
  const std::vector<ImageChange> changes = parseImageChanges(options.images);
  for (int attempt = 0;; ++attempt) {
    const Value rollout = co_await readRollout(context, options.rollout);
    const Value& reference = rollout["spec"]["workloadRef"];
    const ApiResource resource =
        reference.isObject()
            ? orFail(co_await context.api.findKind(reference["apiVersion"].asString(), reference["kind"].asString()))
            : kRollouts;
    Value object = reference.isObject()
                       ? orFail(co_await context.api.get(resource, context.api.ns(), reference["name"].asString()))
                       : rollout;
    const bool pod_template = object["kind"].asStringView() == "PodTemplate";
    setImages(pod_template ? object.mutableAt({"template", "spec"}) : object.mutableAt({"spec", "template", "spec"}),
              changes);
    auto replaced = co_await context.api.replace(resource, context.api.ns(), std::move(object));
    if (!replaced && replaced.error().kind == ErrorKind::kConflict && attempt < kConflictRetries) continue;
    orFail(std::move(replaced));
    print(fmt::format("rollout \"{}\" image updated\n", options.rollout));
    co_return 0;
  }
}

}  // namespace towpath::cli
