#include "config/config.h"

#include <doctest/doctest.h>

namespace towpath::config {
namespace {

File parsed(std::string_view text) {
  Result<File> file = File::parse(text, "test.toml");
  REQUIRE(file);
  return std::move(*file);
}

std::string faults(File& file) {
  Result<void> finished = file.finish();
  return finished ? "" : finished.error().message;
}

TEST_CASE("values come as they stand, defaults where they do not") {
  File file = parsed(R"(
name = "shop"
count = 3
on = true
wait = "1m30s"
list = ["a", "b"]
range = [20000, 29999]
[labels]
"towpath.dev/wave" = "1"
[images."shop:*"]
artifact = "file:///shop.tar.gz"
)");
  Table& root = file.root();
  CHECK(root.text("name", "") == "shop");
  CHECK(root.text("other", "default") == "default");
  CHECK(root.integer("count", 1, {.min = 1, .max = 5}) == 3);
  CHECK(root.boolean("on", false));
  CHECK(root.duration("wait", 1s) == 90s);
  CHECK(root.texts("list", {}) == std::vector<std::string>{"a", "b"});
  CHECK(root.integers("range", {}) == std::vector<std::int64_t>{20000, 29999});
  CHECK(root.textMap("labels") == std::map<std::string, std::string>{{"towpath.dev/wave", "1"}});
  auto images = root.tables("images");
  REQUIRE(images.size() == 1);
  CHECK(images[0].first == "shop:*");
  CHECK(images[0].second->text("artifact", "") == "file:///shop.tar.gz");
  CHECK(root.table("absent").integer("depth", 7) == 7);
  CHECK(faults(file).empty());
}

TEST_CASE("an unknown key is named with file, line and path") {
  File file = parsed("a = 1\n\n[proxy]\nlisten_adress = \"x\"\n");
  file.root().integer("a", 0);
  file.root().table("proxy").text("listen_address", "");
  CHECK(faults(file) == "test.toml:4: proxy.listen_adress: unknown key");
}

TEST_CASE("an unknown table is named") {
  File file = parsed("[proxi]\na = 1\n");
  CHECK(faults(file) == "test.toml:1: proxi: unknown key");
}

TEST_CASE("all faults of a file are told at once, in their order") {
  File file = parsed("count = \"3\"\nwait = \"soon\"\nport = 70000\nlist = [1]\n");
  Table& root = file.root();
  root.integer("port", 1, {.min = 1, .max = 65535});
  root.duration("wait", 1s);
  root.integer("count", 1);
  root.texts("list", {});
  CHECK(faults(file) ==
        "test.toml:1: count: must be a whole number, not a string\n"
        "test.toml:2: wait: \"soon\" is no duration such as \"30s\" or \"1h30m\"\n"
        "test.toml:3: port: 70000 is not between 1 and 65535\n"
        "test.toml:4: list: must be a list of strings, not a list");
}

TEST_CASE("a rule of the caller is told like the others") {
  File file = parsed("url = \"ftp://x\"\n");
  file.root().text("url", "");
  file.root().refuse("url", "must begin with https://");
  CHECK(faults(file) == "test.toml:1: url: must begin with https://");
}

TEST_CASE("text that is no TOML names its line") {
  Result<File> file = File::parse("a = 1\nb = [1,\n", "test.toml");
  REQUIRE(!file);
  CHECK(file.error().kind == ErrorKind::kInvalid);
  CHECK(file.error().message.starts_with("test.toml:"));
}

}  // namespace
}  // namespace towpath::config
