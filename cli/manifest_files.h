#pragma once
// The files that -f names.

#include <string>
#include <vector>

#include "base/value.h"

namespace towpath::cli {

struct ManifestFile {
  std::string name;  // "-" for standard input
  std::string text;
};

// "-" is stdin, a directory its *.yaml, *.yml and *.json in the order of their names. Throws Failure.
std::vector<ManifestFile> readFiles(const std::vector<std::string>& given);
// Every object of the files, in order; the items of a List stand for themselves. No object at all is a Failure.
std::vector<Value> readManifests(const std::vector<std::string>& files);

}  // namespace towpath::cli
