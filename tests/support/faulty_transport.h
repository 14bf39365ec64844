#pragma once
// FaultyTransport: a Transport that goes wrong as networks and API servers do, when its plan says so. For tests and the
// simulator; deterministic, as long as the plan is.

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <variant>

#include "http/transport.h"
#include "loop/loop.h"

namespace towpath::testing {

// What happens to one request.
struct NoFault {};
struct AnswerInstead {  // the request never reaches the server
  int status = 500;
  http::Headers headers;
  std::string body;
};
struct RefuseConnection {};
struct LoseAnswer {};  // carried out, and the client never hears of it
struct Slow {          // answered late
  Duration by{};
};
struct CutStream {  // broken off after so many bytes, wherever that is
  std::size_t after_bytes = 0;
};
using Fault = std::variant<NoFault, AnswerInstead, RefuseConnection, LoseAnswer, Slow, CutStream>;
using FaultPlan = std::function<Fault(const http::ClientRequest&)>;

// A `Status` object as an API server sends it.
AnswerInstead statusAnswer(int code, const std::string& reason, int retry_after_seconds = 0);
// An ERROR event at the end of a watch that lasted `after_bytes`: how 410 reaches a running watch is AnswerInstead with
// a 200 and this body.
AnswerInstead errorEvent(int code, const std::string& reason);

bool isWatch(const http::ClientRequest& request);
bool isWrite(const http::ClientRequest& request);

// Shares of the requests that go wrong, each in one of the ways that fit it.
struct FaultRates {
  double watches = 0.3;  // cut after some bytes, refused, 410 at once or as an event, 429, 500
  double reads = 0.1;    // 410 (lists), 429, 500, slow, refused, lost
  double writes = 0.1;   // 409, 429, 500, slow, refused, lost
};
// The same seed gives the same faults for the same requests.
FaultPlan randomFaults(std::uint64_t seed, FaultRates rates);

class FaultyTransport final : public http::Transport {
 public:
  FaultyTransport(loop::Loop& loop, http::Transport& inner) : loop_(loop), inner_(inner) {}

  FaultPlan plan;  // empty: all goes well
  std::uint64_t faults = 0;

  loop::Task<Result<http::Response>> fetch(http::ClientRequest request) override;
  loop::Task<Result<std::unique_ptr<http::ResponseStream>>> open(http::ClientRequest request) override;

 private:
  Fault next(const http::ClientRequest& request);

  loop::Loop& loop_;
  http::Transport& inner_;
};

}  // namespace towpath::testing
