#include "probe/probe.h"

#include <doctest/doctest.h>

using namespace towpath;
using namespace towpath::probe;

namespace {

std::optional<std::int32_t> lookUp(const Value& port) {
  if (port.isInt()) return static_cast<std::int32_t>(port.asInt() == 8080 ? 20001 : port.asInt());
  if (port.asStringView() == "http") return 20001;
  return std::nullopt;
}

}  // namespace

TEST_CASE("a probe without numbers has the defaults of Kubernetes") {
  const auto spec = parseProbe(Object{{"httpGet", Object{{"port", "http"}}}}, lookUp, "readinessProbe");
  REQUIRE(spec);
  CHECK(spec->period == 10s);
  CHECK(spec->timeout == 1s);
  CHECK(spec->initial_delay == 0s);
  CHECK(spec->success_threshold == 1);
  CHECK(spec->failure_threshold == 3);
  const auto& http = std::get<HttpCheck>(spec->check);
  CHECK(http.path == "/");
  CHECK(http.port == 20001);
  CHECK_FALSE(http.https);
}

TEST_CASE("a template's port is the port that the instance was allotted") {
  const auto by_number = parseProbe(Object{{"tcpSocket", Object{{"port", 8080}}}}, lookUp, "livenessProbe");
  REQUIRE(by_number);
  CHECK(std::get<TcpCheck>(by_number->check).port == 20001);
}

TEST_CASE("a probe that cannot be carried out names its field") {
  struct Case {
    Value probe;
    std::string field;
  };
  for (const Case& bad :
       {Case{Object{}, "readinessProbe"},
        Case{Object{{"httpGet", Object{{"port", "metrics"}}}}, "readinessProbe.httpGet.port"},
        Case{Object{{"httpGet", Object{{"port", "http"}, {"scheme", "FTP"}}}}, "readinessProbe.httpGet.scheme"},
        Case{Object{{"exec", Object{{"command", Array{}}}}}, "readinessProbe.exec.command"},
        Case{Object{{"tcpSocket", Object{{"port", 1}}}, {"periodSeconds", -1}}, "readinessProbe.periodSeconds"},
        Case{Object{{"tcpSocket", Object{{"port", 1}}}, {"timeoutSeconds", "1s"}}, "readinessProbe.timeoutSeconds"}}) {
    const auto spec = parseProbe(bad.probe, lookUp, "readinessProbe");
    REQUIRE_FALSE(spec);
    CHECK(spec.error().field == bad.field);
    CHECK(spec.error().kind == ErrorKind::kInvalid);
  }
}

TEST_CASE("the state changes only when a threshold of consecutive outcomes is reached") {
  ProbeSpec spec;
  spec.success_threshold = 2;
  spec.failure_threshold = 3;
  ProbeTracker tracker(spec);
  using State = ProbeTracker::State;
  struct Outcome {
    bool success, changed;
    State state;
  };
  int step = 0;
  for (const Outcome& outcome : {Outcome{true, false, State::kUnknown},
                                 {true, true, State::kPassing},
                                 {false, false, State::kPassing},
                                 {false, false, State::kPassing},
                                 {true, false, State::kPassing},
                                 {false, false, State::kPassing},
                                 {false, false, State::kPassing},
                                 {false, true, State::kFailing},
                                 {false, false, State::kFailing},
                                 {true, false, State::kFailing},
                                 {true, true, State::kPassing}}) {
    CAPTURE(step++);
    CHECK(tracker.record(outcome.success) == outcome.changed);
    CHECK(tracker.state() == outcome.state);
  }
}
