#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace towpath::testing {

// A directory that is gone at the end of the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name, const std::string& content, int mode = 0644) const {
    const std::string full = path_ + "/" + name;
    std::ofstream(full, std::ios::binary) << content;
    std::filesystem::permissions(full, static_cast<std::filesystem::perms>(mode));
    return full;
  }

 private:
  std::string path_;
};

}  // namespace towpath::testing
