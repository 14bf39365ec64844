#include "wire/frame.h"

#include <doctest/doctest.h>

#include <vector>

namespace towpath::wire {
namespace {

std::vector<std::string> readAll(FrameReader& reader) {
  std::vector<std::string> messages;
  for (;;) {
    Result<std::optional<std::string>> next = reader.next();
    REQUIRE(next);
    if (!*next) return messages;
    messages.push_back(**next);
  }
}

TEST_CASE("messages come out of a stream as they went in, however it is cut") {
  const std::vector<std::string> messages = {"", "a", std::string(127, 'b'), std::string(128, 'c'),
                                             std::string(70000, 'd')};
  std::string stream;
  for (const std::string& message : messages) stream += frame(message);
  for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{127}, std::size_t{1000}, stream.size()}) {
    CAPTURE(piece);
    FrameReader reader;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view(stream).substr(at, piece));
      for (std::string& message : readAll(reader)) got.push_back(std::move(message));
    }
    CHECK(got == messages);
    CHECK(reader.pending() == 0);
  }
}

TEST_CASE("a length over the limit ends the stream before its bytes are taken") {
  FrameReader reader(1000);
  reader.feed(frame(std::string(1000, 'x')));
  CHECK(reader.next());
  reader.feed(frame(std::string(1001, 'x')).substr(0, 2));
  Result<std::optional<std::string>> next = reader.next();
  REQUIRE(!next);
  CHECK(next.error().kind == ErrorKind::kTooLarge);
}

TEST_CASE("garbage for a length ends the stream") {
  FrameReader reader;
  reader.feed("\xff\xff\xff\xff\xff\xff");
  Result<std::optional<std::string>> next = reader.next();
  REQUIRE(!next);
  CHECK(next.error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("a cut stream shows") {
  FrameReader reader;
  reader.feed(frame("hello").substr(0, 3));
  CHECK(readAll(reader).empty());
  CHECK(reader.pending() == 3);
}

}  // namespace
}  // namespace towpath::wire
