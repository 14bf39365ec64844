#include "play/fault.h"

#include <doctest/doctest.h>

namespace towpath::play {
namespace {

TEST_CASE("faults read as they are written") {
  for (const char* text : {"canary-never-ready", "canary-unready@1m0s", "pod-crash@30s", "metric-error@1m30s",
                           "metric-error=error-ratio@5s", "abort@0s"}) {
    CAPTURE(text);
    const Result<Fault> fault = parseFault(text);
    REQUIRE(fault);
    CHECK(toString(*fault) == text);
  }
  CHECK(parseFault("metric-error=a@5s")->metric == "a");
  CHECK(parseFault("pod-crash@2m")->at == 2min);
}

TEST_CASE("what is no fault is refused, with those that there are") {
  for (const char* text : {"", "canary", "canary-never-ready@3s", "pod-crash", "pod-crash@", "pod-crash@soon",
                           "abort@-1s", "pod-crash=a@3s", "metric-error=@3s"}) {
    CAPTURE(text);
    const Result<Fault> fault = parseFault(text);
    REQUIRE_FALSE(fault);
    CHECK(fault.error().field == "--fault");
    CHECK(fault.error().message.contains("canary-never-ready"));
  }
}

}  // namespace
}  // namespace towpath::play
