#include "cli/manifest_files.h"

#include <filesystem>
#include <iostream>
#include <iterator>

#include "base/file.h"
#include "cli/command.h"
#include "json/yaml.h"

namespace towpath::cli {
namespace {

std::vector<std::string> expandDirectory(const std::string& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(file, error)) return {file};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(file, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string readInput(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  return orFail(readFile(file));
}

}  // namespace

std::vector<ManifestFile> readFiles(const std::vector<std::string>& given) {
  std::vector<ManifestFile> files;
  for (const std::string& one : given) {
    for (const std::string& file : expandDirectory(one)) files.push_back({file, readInput(file)});
  }
  return files;
}

std::vector<Value> readManifests(const std::vector<std::string>& files) {
  std::vector<Value> objects;
  for (const ManifestFile& file : readFiles(files)) {
    auto documents = json::parseYaml(file.text);
    if (!documents) throw Failure{withContext(documents.error(), file.name)};
    for (auto& document : *documents) {
      if (document.value.isNull()) continue;
      const Value& object = document.value;
      if (object["kind"].asStringView() == "List") {
        for (const Value& item : object["items"].asArray()) objects.push_back(item);
      } else {
        objects.push_back(std::move(document.value));
      }
    }
  }
  if (!files.empty() && objects.empty()) {
    throw Failure{{ErrorKind::kInvalid, "holds no object", fmt::format("{}", fmt::join(files, ", "))}};
  }
  return objects;
}

}  // namespace towpath::cli
