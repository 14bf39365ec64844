#include "sketch/sketch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace towpath::sketch {

TEST_CASE("every value lies in its bin, and the bin's middle is within 1 % of it") {
  for (std::uint64_t value = 0; value < 5'000'000; value += 1 + value / 300) {
    const BinIndex bin = binOf(value);
    REQUIRE(binLow(bin) <= value);
    REQUIRE(value < binLow(bin) + binWidth(bin));
    const double middle = static_cast<double>(binLow(bin)) + static_cast<double>(binWidth(bin) - 1) / 2;
    REQUIRE(std::abs(middle - static_cast<double>(value)) <= 0.01 * static_cast<double>(value));
  }
  CHECK(binOf(kValueMax) == binLast());
  CHECK(binOf(UINT64_MAX) == binLast());
}

TEST_CASE("bins follow one another without a gap") {
  for (BinIndex bin = 0; bin < binLast(); ++bin) REQUIRE(binLow(bin) + binWidth(bin) == binLow(bin + 1));
}

TEST_CASE("quantiles of latencies are within 1 % of the exact ones, but for the fastest") {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(std::log(20'000), 0.8);
  Sketch sketch;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency(random)));
    sketch.add(values.back());
  }
  std::ranges::sort(values);
  for (const double quantile : {0.05, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(quantile * 19'999)]);
    CAPTURE(quantile);
    CHECK(std::abs(sketch.quantile(quantile) - exact) <= 0.01 * exact);
  }
  CHECK(sketch.encode().size() < 1000);
}

TEST_CASE("sketches merge to the sketch of all values") {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(std::log(3'000), 0.5);
  Sketch all;
  Sketch parts[3];
  for (int i = 0; i < 3000; ++i) {
    const auto value = static_cast<std::uint64_t>(latency(random));
    all.add(value);
    parts[i % 3].add(value);
  }
  Sketch merged;
  for (const Sketch& part : parts) merged.merge(part);
  CHECK(merged == all);
  CHECK(merged.countAbove(binOf(3'000)) + 0 == all.countAbove(binOf(3'000)));
}

TEST_CASE("a sketch has a bound, and what is joined is the fast end") {
  Sketch sketch;
  for (BinIndex bin = 0; bin <= binLast(); ++bin) sketch.addBin(bin, 1);
  CHECK(sketch.bins().size() == kBinsMax);
  CHECK(sketch.count() == std::uint64_t{binLast()} + 1);
  CHECK(sketch.quantile(1) >= 0.99 * static_cast<double>(kValueMax));
}

TEST_CASE("a sketch comes back from its bytes, and other bytes are refused") {
  Sketch sketch;
  for (const std::uint64_t value : {0u, 1u, 90u, 5'000u, 5'001u, 70'000'000u}) sketch.add(value, value + 1);
  const Result<Sketch> read = Sketch::decode(sketch.encode());
  REQUIRE(read.has_value());
  CHECK(*read == sketch);
  CHECK(Sketch::decode("")->empty());
  for (const std::string& bytes : {std::string("\x01"), std::string("\x01\x00", 2), std::string("\xff\xff\x7f\x01"),
                                   std::string("\x01\x01\x00\x01", 4), std::string(30, '\xff')}) {
    CHECK(Sketch::decode(bytes).error().kind == ErrorKind::kCorrupt);
  }
}

TEST_CASE("scaled: each took longer by the factor") {
  Sketch sketch;
  for (int i = 1; i <= 100; ++i) sketch.add(static_cast<std::uint64_t>(i) * 1000);
  const Sketch slower = sketch.scaled(1.5);
  CHECK(slower.count() == 100);
  CHECK(slower.quantile(0.5) == doctest::Approx(1.5 * sketch.quantile(0.5)).epsilon(0.02));
}

}  // namespace towpath::sketch
