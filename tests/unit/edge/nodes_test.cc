#include "edge/nodes.h"

#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

const WallTime kNow = parseRfc3339("2026-11-23T12:00:00Z").value();

std::string wanted(const std::string& conditions, Duration silence) {
  const Value node = parsed(R"({"status":{"conditions":)" + conditions + "}}");
  const Value condition = wantedReadyCondition(node, silence, 40s, kNow);
  return condition.isNull() ? "(as it is)" : condition["status"].asString() + " " + condition["reason"].asString();
}

}  // namespace

TEST_CASE("silence makes a node unknown, its voice makes it ready again, its own word stands") {
  const std::string ready = R"([{"type":"Ready","status":"True","reason":"AgentReady"}])";
  const std::string bad = R"([{"type":"Ready","status":"False","reason":"ProxyDown"}])";
  const std::string unknown = R"([{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"}])";
  CHECK(wanted(ready, 10s) == "(as it is)");
  CHECK(wanted(ready, 41s) == "Unknown NodeStatusUnknown");
  CHECK(wanted(bad, 10s) == "(as it is)");
  CHECK(wanted(bad, 41s) == "Unknown NodeStatusUnknown");
  CHECK(wanted(unknown, 41s) == "(as it is)");
  CHECK(wanted(unknown, 1s) == "True AgentReady");
  CHECK(wanted("[]", 1s) == "(as it is)");
  CHECK(wanted("[]", 41s) == "Unknown NodeStatusUnknown");
}
