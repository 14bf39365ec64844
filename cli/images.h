#pragma once
// CONTAINER=IMAGE arguments, and what they change in a pod's spec.

#include <string>
#include <vector>

#include "base/value.h"

namespace towpath::cli {

struct ImageChange {
  std::string container;  // "*": every container
  std::string image;
};

// Throws a Failure for what is not CONTAINER=IMAGE.
std::vector<ImageChange> parseImageChanges(const std::vector<std::string>& arguments);
// Throws a Failure if a name fits no container.
void setImages(Value& pod_spec, const std::vector<ImageChange>& changes);

}  // namespace towpath::cli
