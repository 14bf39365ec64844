// What clients send as bytes: whatever they are, the answer is a value or a failure.

#include <doctest/doctest.h>

#include <random>

#include "apiserver/negotiate.h"
#include "apiserver/protobuf_body.h"
#include "apiserver/selector.h"

namespace towpath::apiserver {
namespace {

std::string field(char number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

TEST_CASE("damaged protobuf bodies are refused or read, never more") {
  const auto port = field(1, "http") + field(2, "TCP") + std::string("\x18\x50", 2) +
                    field(4, std::string("\x08\x01", 2) + field(3, "web"));
  const auto spec = field(1, port) + field(2, field(1, "app") + field(2, "shop")) + field(4, "ClusterIP");
  const auto service = field(1, field(1, "web")) + field(2, spec);
  const auto body = std::string("k8s\0", 4) + field(1, field(1, "v1") + field(2, "Service")) + field(2, service);
  const auto whole = readProtobuf(body);
  REQUIRE_MESSAGE(whole.has_value(), (whole ? "" : whole.error().message));
  CHECK((*whole)["spec"]["ports"][std::size_t{0}]["port"].asInt() == 80);
  CHECK((*whole)["spec"]["ports"][std::size_t{0}]["targetPort"].asString() == "web");
  CHECK((*whole)["spec"]["selector"]["app"].asString() == "shop");
  std::mt19937 random(7);
  int read = 0;
  for (int i = 0; i < 20000; ++i) {
    auto damaged = body;
    for (unsigned j = 0; j <= random() % 3; ++j) damaged[random() % damaged.size()] = static_cast<char>(random());
    damaged.resize(damaged.size() - random() % 3);
    read += readProtobuf(damaged) ? 1 : 0;
  }
  CHECK(read < 20000);
}

TEST_CASE("any text is a selector or a failure") {
  constexpr std::string_view kPieces[] = {"a", "in", "notin", "(", ")", ",", "=", "!", "<", ">", " ", "x/y", "7", "=="};
  std::mt19937 random(7);
  int sound = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (unsigned j = 0; j < random() % 8; ++j) text += kPieces[random() % std::size(kPieces)];
    const auto selector = LabelSelector::parse(text);
    if (!selector) continue;
    ++sound;
    (void)selector->matches(cluster::ObjectMeta{});
  }
  CHECK(sound > 0);
}

TEST_CASE("the best form of an Accept header") {
  const struct {
    const char* accept;
    Form form;
  } kCases[] = {
      {"", Form::kPlain},
      {"*/*", Form::kPlain},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/"
       "json",
       Form::kTable},
      {"application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1, application/json;q=0.5", Form::kPlain},
      {"application/json;q=0.1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", Form::kPartial},
      {"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form::kPlain},
  };
  for (const auto& one : kCases) {
    CAPTURE(one.accept);
    const auto chosen = negotiate(one.accept);
    REQUIRE(chosen);
    CHECK(chosen->form == one.form);
  }
  CHECK(negotiate("application/vnd.kubernetes.protobuf").error().reason == Reason::kNotAcceptable);
  CHECK(!negotiate("application/json;q=0"));
}

}  // namespace
}  // namespace towpath::apiserver
