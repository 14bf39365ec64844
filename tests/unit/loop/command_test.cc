#include "loop/command.h"

#include <doctest/doctest.h>

namespace towpath::loop {
namespace {

Result<CommandOutput> sh(const char* script, std::string input = "", Duration timeout = 20s) {
  return runCommand(
      {.argv = {"sh", "-c", script}, .input = std::move(input), .timeout = timeout, .output_max = 100'000});
}

}  // namespace

TEST_CASE("a command gets its input and its output comes back") {
  const auto output = sh("cat; echo oops >&2; exit 3", "hello");
  REQUIRE(output.has_value());
  CHECK(output->out == "hello");
  CHECK(output->err == "oops\n");
  CHECK(output->status == 3);
}

TEST_CASE("much input and output at once do not block each other") {
  const std::string much(90'000, 'x');
  const auto output = sh("cat", much);
  REQUIRE(output.has_value());
  CHECK(output->out == much);
}

TEST_CASE("a command that reads nothing, writes without end, or does not end") {
  CHECK(sh("exec 0<&-; exit 0", std::string(1'000'000, 'x'))->status == 0);
  CHECK(sh("yes").error().kind == ErrorKind::kTooLarge);
  CHECK(sh("sleep 600 & wait", "", 50ms).error().kind == ErrorKind::kTimeout);
  CHECK(sh("yes >&2", "", 200ms).error().kind == ErrorKind::kTimeout);
}

TEST_CASE("a child that outlives the command does not hold it up") {
  const auto output = sh("sleep 5 & echo done");
  REQUIRE(output.has_value());
  CHECK(output->out == "done\n");
}

TEST_CASE("what is killed and what cannot be run is told") {
  CHECK(sh("kill -9 $$")->status == 128 + 9);
  CHECK(runCommand({.argv = {"/no/such/program"}}).error().kind == ErrorKind::kNotFound);
  CHECK(runCommand({}).error().kind == ErrorKind::kInvalid);
}

}  // namespace towpath::loop
