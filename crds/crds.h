#pragma once
// The CustomResourceDefinitions of this folder, built into the program: the schema of record of our kinds on both
// platforms.

#include <span>
#include <string_view>

namespace towpath::crds {

struct File {
  std::string_view name;  // "rollout.yaml"
  std::string_view text;  // one YAML document
};

std::span<const File> files();

}  // namespace towpath::crds
