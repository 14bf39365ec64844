#include "wire/messages.h"

#include <doctest/doctest.h>

#include <string>

#include "base/file.h"
#include "examples.h"
#include "wire/text.h"

namespace towpath::wire {
namespace {

// Bytes of version 1 as they were recorded: they must be understood for as long as the version is supported. A message
// that the present encoder makes differently is fine, as long as the old bytes still say the same.
std::string recorded(const std::string& name) {
  Result<std::string> bytes = readFile(std::string(RECORDED_DIR) + "/v1-" + name + ".bin");
  REQUIRE(bytes);
  return *bytes;
}

TEST_CASE("recorded bytes of protocol version 1 still decode") {
  CHECK(decodeEnrolRequest(recorded("enrol-request")) == examples::enrolRequest());
  CHECK(decodeEnrolReply(recorded("enrol-reply")) == examples::enrolReply());
  CHECK(decodeRenewRequest(recorded("renew-request")) == examples::renewRequest());
  CHECK(decodeRenewReply(recorded("renew-reply")) == examples::renewReply());
  CHECK(decodeHello(recorded("hello")) == examples::hello());
  CHECK(decodeDown(recorded("welcome")) == examples::welcome());
  CHECK(decodeDown(recorded("assignment")) == examples::assignment());
  CHECK(decodeDown(recorded("log-request")) == examples::logRequest());
  CHECK(decodeDown(recorded("cancel-request")) == examples::cancelRequest());
  CHECK(decodeDown(recorded("ping")) == examples::ping());
  CHECK(decodeReport(recorded("report")) == examples::report());
  CHECK(decodeReportReply(recorded("report-reply")) == examples::reportReply());
}

TEST_CASE("each message survives its encoding") {
  CHECK(decodeEnrolRequest(encode(examples::enrolRequest())) == examples::enrolRequest());
  CHECK(decodeEnrolReply(encode(examples::enrolReply())) == examples::enrolReply());
  CHECK(decodeRenewRequest(encode(examples::renewRequest())) == examples::renewRequest());
  CHECK(decodeRenewReply(encode(examples::renewReply())) == examples::renewReply());
  CHECK(decodeHello(encode(examples::hello())) == examples::hello());
  CHECK(decodeDown(encode(examples::assignment())) == examples::assignment());
  CHECK(decodeReport(encode(examples::report())) == examples::report());
  CHECK(decodeReportReply(encode(examples::reportReply())) == examples::reportReply());
}

TEST_CASE("who answered survives its encoding, within the bound") {
  Report report = examples::report();
  REQUIRE(!report.samples.empty());
  std::vector<InstanceTraffic>& instances = report.samples[0].instances;
  for (std::size_t i = 0; i < kInstancesMax; ++i)
    instances.push_back({"pod-" + std::to_string(i), 1000 + i, i, i % 2 == 0 ? "sketch" : ""});
  CHECK(decodeReport(encode(report)) == report);
  Report more = report;
  more.samples[0].instances.push_back({"pod-too-many", 1, 1});
  CHECK(decodeReport(encode(more)) == report);
}

TEST_CASE("what a node says of a Gateway survives its encoding") {
  // Newer than the recorded bytes of version 1, which lack it.
  Report report = examples::report();
  report.gateways = {{.ns = "default",
                      .name = "front",
                      .uid = "uid-3",
                      .generation = 2,
                      .address = "192.0.2.7",
                      .listeners = {{.name = "http", .error = "the port is taken"}},
                      .error = "none"}};
  CHECK(decodeReport(encode(report)) == report);
}

TEST_CASE("bytes that are no message are corrupt, never a crash") {
  const std::string report = encode(examples::report());
  CHECK(decodeReport("garbage").error().kind == ErrorKind::kCorrupt);
  for (std::size_t length = 0; length < report.size(); ++length) {
    Result<Report> cut = decodeReport(std::string_view(report).substr(0, length));
    if (!cut) CHECK(cut.error().kind == ErrorKind::kCorrupt);
  }
}

TEST_CASE("a kind of message that this version does not know is told apart") {
  // Field 15 of Down with an empty message, and field 9 of a Request.
  CHECK(std::holds_alternative<std::monostate>(*decodeDown(std::string("\x7a\x00", 2))));
  const std::string request = std::string("\x1a\x05\x0a\x01x\x4a\x00", 7);
  Result<Down> down = decodeDown(request);
  REQUIRE(down);
  const auto& asked = std::get<Request>(*down);
  CHECK(asked.id == "x");
  CHECK(std::holds_alternative<std::monostate>(asked.kind));
}

TEST_CASE("text that is not UTF-8 goes out mended instead of making the message unreadable") {
  Report report = examples::report();
  report.events[0].message = "caf\xe9 \xf0\x9f\x92\xa5";
  Result<Report> decoded = decodeReport(encode(report));
  REQUIRE(decoded);
  CHECK(decoded->events[0].message == "caf? \xf0\x9f\x92\xa5");
  CHECK(validUtf8("\xc0\xaf\xed\xa0\x80") == "?????");
}

}  // namespace
}  // namespace towpath::wire
