// Configuration files: a key of any type, asked for as any other.

#include "config/config.h"

#include "fuzz.h"

namespace towpath::fuzz {
namespace {

void readAll(config::Table& table) {
  for (const char* key : {"a", "b", "c"}) {
    table.text(key, "");
    table.integer(key, 0, {.min = -5, .max = 1000});
    table.boolean(key, false);
    table.duration(key, 0s);
    table.texts(key, {});
    table.integers(key, {}, {.min = 0, .max = 65535});
    table.textMap(key);
  }
}

}  // namespace

void run(std::string_view input) {
  Result<config::File> file = config::File::parse(input, "fuzz.toml");
  if (!file) {
    require(file.error().message.starts_with("fuzz.toml"), file.error().message);
    return;
  }
  readAll(file->root());
  readAll(file->root().table("proxy"));
  for (const auto& [name, table] : file->root().tables("images")) table->text("artifact", "");
  if (const Result<void> finished = file->finish(); !finished) {
    require(finished.error().message.starts_with("fuzz.toml"), finished.error().message);
  }
}

}  // namespace towpath::fuzz
