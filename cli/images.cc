#include "cli/images.h"

#include <fmt/format.h>

#include "cli/command.h"

namespace towpath::cli {

std::vector<ImageChange> parseImageChanges(const std::vector<std::string>& arguments) {
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

void setImages(Value& pod_spec, const std::vector<ImageChange>& changes) {
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

}  // namespace towpath::cli
