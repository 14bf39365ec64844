#pragma once
// Configuration files in TOML. A reader takes the keys that it knows, each with its type and default; what is left
// over, or is of another type, is an error that names file, line and key. All errors of a file are told at once.
//
//   Result<config::File> file = config::File::load("/etc/towpath/coordinator.toml");
//   config::Table& root = file->root();
//   options.data_dir = root.text("data_dir", "/var/lib/towpath");
//   options.timeout = root.duration("timeout", 30s);
//   config::Table& limits = root.table("limits");
//   options.connections = limits.integer("connections", 1000, {.min = 1, .max = 100000});
//   if (Result<void> read = file->finish(); !read) return read;

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace towpath::config {

struct Range {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

// A table of the file. A key that is asked for is known from then on; a wrong type or value is noted and gives the
// default.
class Table {
 public:
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  bool has(std::string_view key) const;
  std::string text(std::string_view key, std::string otherwise);
  std::int64_t integer(std::string_view key, std::int64_t otherwise, Range range = {});
  bool boolean(std::string_view key, bool otherwise);
  // A Go duration in a string: "30s".
  Duration duration(std::string_view key, Duration otherwise);
  std::vector<std::string> texts(std::string_view key, std::vector<std::string> otherwise);
  std::vector<std::int64_t> integers(std::string_view key, std::vector<std::int64_t> otherwise, Range range = {});
  // A table whose keys are data: all its values are strings.
  std::map<std::string, std::string> textMap(std::string_view key);
  // A table below; an empty one if it is absent. It lives as long as the file.
  Table& table(std::string_view key);
  // Tables below whose names are data: [images."shop:*"].
  std::vector<std::pair<std::string, Table*>> tables(std::string_view key);
  // The value of `key` breaks a rule that only the caller knows.
  void refuse(std::string_view key, std::string why);

 private:
  friend class File;
  struct Impl;
  explicit Table(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class File {
 public:
  // kNotFound, or kInvalid "coordinator.toml:3: …" if it is no TOML.
  static Result<File> load(const std::string& path);
  // `name` stands for the file in messages.
  static Result<File> parse(std::string_view text, std::string name);
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  Table& root();
  // After everything was read: kInvalid with one line for each error, "agent.toml:7: proxy.listen_adress: unknown key".
  Result<void> finish();

 private:
  struct Impl;
  explicit File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::config
