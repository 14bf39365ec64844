#include "cli/completion.h"

#include <doctest/doctest.h>

using towpath::cli::completionScript;

TEST_CASE("each shell's script knows the verbs, and an unknown shell has none") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CAPTURE(shell);
    const auto script = completionScript(shell, {"promote", "abort"});
    REQUIRE(script);
    CHECK(script->find("promote abort") != std::string::npos);
    CHECK(script->find("{verbs}") == std::string::npos);
    CHECK(script->find("{{") == std::string::npos);
  }
  CHECK_FALSE(completionScript("tcsh", {}));
}
