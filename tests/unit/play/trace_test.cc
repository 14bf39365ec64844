#include "play/trace.h"

#include <doctest/doctest.h>

namespace towpath::play {
namespace {

Trace read(std::string_view csv) { return Trace::parse(csv, "trace.csv").value(); }
std::string refusal(std::string_view csv) { return Trace::parse(csv, "trace.csv").error().message; }

TEST_CASE("a value holds until the next row") {
  const Trace trace = read("time,errors,latency\n0,0.01,120\n30,0.2,\n45.5,0.02,90\n");
  CHECK(trace.has("errors"));
  CHECK_FALSE(trace.has("time"));
  CHECK(trace.at("errors", 0s) == Value(0.01));
  CHECK(trace.at("errors", 29s) == Value(0.01));
  CHECK(trace.at("errors", 30s) == Value(0.2));
  CHECK_FALSE(trace.at("latency", 30s));  // an empty cell
  CHECK(trace.at("latency", 45500ms) == Value(90));
  CHECK(trace.at("latency", 24h) == Value(90));
  CHECK_FALSE(trace.at("other", 0s));
}

TEST_CASE("before the first row there is no data") { CHECK_FALSE(read("time,a\n10,1\n").at("a", 9s)); }

TEST_CASE("cells are JSON where they can be, and text where not; comments, quotes and spaces are as in any CSV") {
  const Trace trace = read("# an incident\ntime, a ,b\n\n0,\"[0.9, 1]\",  ok \r\n1,\"say \"\"no\"\"\",true\n");
  CHECK(trace.at("a", 0s) == Value(Array{0.9, 1}));
  CHECK(trace.at("b", 0s) == Value("ok"));
  CHECK(trace.at("a", 1s) == Value("say \"no\""));
  CHECK(trace.at("b", 1s) == Value(true));
}

TEST_CASE("a faulty trace is refused with its line and the mend") {
  CHECK(refusal("") == "trace.csv:1: needs a header: a column \"time\" in seconds, and one for each metric");
  CHECK(refusal("0,1\n") == "trace.csv:1: the first line must name the columns: time, and the metrics");
  CHECK(refusal("time,a\n0,1,2\n") == "trace.csv:2: has 3 cells, the header 2");
  CHECK(refusal("time,a\n\nsoon,1\n") == "trace.csv:3: time: \"soon\" is no number of seconds after the update");
  CHECK(refusal("time,a\n10,1\n5,1\n") == "trace.csv:3: time: rows must come in order of time");
  CHECK(refusal("time,a\n-1,1\n") == "trace.csv:2: time: \"-1\" is no number of seconds after the update");
}

}  // namespace
}  // namespace towpath::play
