#include "http/parser.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace towpath::http;
using State = RequestParser::State;

namespace {

struct Outcome {
  State state;
  int status;
  std::string body;
  std::string left;
};

// Feeds in pieces of `step` bytes, as a slow network would.
Outcome parse(std::string_view text, std::size_t step) {
  RequestParser parser(4096);
  std::string body;
  std::string pending;
  for (std::size_t at = 0; at < text.size(); at += step) {
    pending += text.substr(at, step);
    for (;;) {
      const State before = parser.state();
      const std::size_t taken = parser.feed(pending, body);
      pending.erase(0, taken);
      if (taken == 0 && parser.state() == before) break;
    }
  }
  return {parser.state(), parser.badStatus(), body, pending};
}

const std::string kHost = "Host: x\r\n";

}  // namespace

TEST_CASE("parser: a request gives the same in any pieces, and what follows it is left alone") {
  const std::string text = "POST /a?b=c HTTP/1.1\r\n" + kHost +
                           "Transfer-Encoding: chunked\r\n\r\n"
                           "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nGET /next";
  for (const std::size_t step : {1UL, 2UL, 3UL, 7UL, 1000UL}) {
    CAPTURE(step);
    const Outcome outcome = parse(text, step);
    CHECK(outcome.state == State::kDone);
    CHECK(outcome.body == "hello world");
    CHECK(outcome.left == "GET /next");
  }
}

TEST_CASE("parser: a chunked body without any chunk may arrive byte by byte") {
  const std::string head = "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t step : {1UL, 2UL, 3UL, 4UL, 1000UL}) {
    CAPTURE(step);
    CHECK(parse(head + "0\r\n\r\n", step).state == State::kDone);
    CHECK(parse(head + "0\r\nA: b\r\n\r\nG", step).left == "G");
    CHECK(parse(head + "0\r\n\r", step).state == State::kBody);
    CHECK(parse(head + "1\r\nx\r\n0\r\n\r\n", step).body == "x");
    CHECK(parse(head + "0\r\n\n\n", step).state != State::kDone);
  }
}

TEST_CASE("parser: content-length, no body, keep-alive by version") {
  CHECK(parse("PUT / HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\n\r\nabcX", 1).body == "abc");
  CHECK(parse("GET / HTTP/1.1\r\n" + kHost + "\r\n", 100).state == State::kDone);
  CHECK(parse("GET / HTTP/1.0\r\n\r\n", 100).state == State::kDone);
  CHECK(parse("PUT / HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\n\r\nab", 1).state == State::kBody);
  CHECK(parse("GET / HTTP/1.1\r\n" + kHost, 1).state == State::kHead);
}

TEST_CASE("parser: what two parsers could understand differently is refused") {
  const std::vector<std::string> hostile = {
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: +3\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: -3\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 3, 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 0x3\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Content-Length: 99999999999999999999999\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "X: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + "X: a\nY: b\r\n\r\n",
      std::string("GET / HTTP/1.1\r\n" + kHost + "X: a") + '\0' + "b\r\n\r\n",
      "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET /a b HTTP/1.1\r\n" + kHost + "\r\n",
      "GET / HTTP/2.0\r\n" + kHost + "\r\n",
      "\x16\x03\x01\x02\x00\x01\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
  };
  for (const std::string& text : hostile) {
    CAPTURE(text);
    const Outcome whole = parse(text, text.size());
    CHECK(whole.state == State::kBad);
    CHECK(whole.status == 400);
    CHECK(parse(text, 1).state == State::kBad);
  }
}

TEST_CASE("parser: a head over the limit is 431, an unknown expectation 417") {
  CHECK(parse("GET / HTTP/1.1\r\n" + kHost + "X: " + std::string(5000, 'a') + "\r\n\r\n", 512).status == 431);
  CHECK(parse("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n", 512).status == 431);
  CHECK(parse("PUT / HTTP/1.1\r\n" + kHost + "Expect: coffee\r\nContent-Length: 1\r\n\r\n", 512).status == 417);
}

TEST_CASE("parser: a chunk header without an end does not grow for ever") {
  const std::string text =
      "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(9000, 'x');
  CHECK(parse(text, 512).state == State::kBad);
}
