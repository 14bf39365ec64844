#include "cli/command.h"

namespace towpath::cli {
namespace {

constexpr int kConflictRetries = 5;

struct ImageChange {
  std::string container, image;
};

std::vector<ImageChange> parseChanges(const std::vector<std::string>& arguments) {
  std::vector<ImageChange> changes;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == argument.size()) {
      throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is not CONTAINER=IMAGE", argument), ""}};
    }
    changes.push_back({argument.substr(0, equals), argument.substr(equals + 1)});
  }
  return changes;
}

// "*" means every container. Throws if a name fits none.
void applyChanges(Value& pod_spec, const std::vector<ImageChange>& changes) {
  for (const ImageChange& change : changes) {
    bool found = false;
    for (const char* list : {"initContainers", "containers", "ephemeralContainers"}) {
      Value* containers = pod_spec.makeObject().find(list);
      if (!containers || !containers->isArray()) continue;
      for (Value& container : *containers->ifArray()) {
        if (change.container != "*" && container["name"].asStringView() != change.container) continue;
        container["image"] = change.image;
        found = true;
      }
    }
    if (!found)
      throw Failure{{ErrorKind::kInvalid, fmt::format("unable to find container named \"{}\"", change.container), ""}};
  }
}

}  // namespace

Exit setImage(Context context, SetImageOptions options) {
  const std::vector<ImageChange> changes = parseChanges(options.images);
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
    applyChanges(pod_template ? object.mutableAt({"template", "spec"}) : object.mutableAt({"spec", "template", "spec"}),
                 changes);
    auto replaced = co_await context.api.replace(resource, context.api.ns(), std::move(object));
    if (!replaced && replaced.error().kind == ErrorKind::kConflict && attempt < kConflictRetries) continue;
    orFail(std::move(replaced));
    print(fmt::format("rollout \"{}\" image updated\n", options.rollout));
    co_return 0;
  }
}

}  // namespace towpath::cli
