#pragma once
// Sketch: how long many requests took, in a few hundred bytes, with quantiles whose relative error is at most 1 % and
// which merge without loss. Pure.
//
// A DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees",
// VLDB 2019) with its linearly interpolated mapping: each power of two is cut into 64 equal bins, so that a bin is at
// most 1/64 of its value wide and its middle at most 1/128 (0.8 %) off. A proxy can find the bin with one table of
// powers of two and one division (nodeagent/proxy/haproxy_config.cc), and sketches of all nodes share the same bins.
//
// Values are whole microseconds, from 0 (exact below 128) to 2^31 - 1 (36 minutes); what is slower counts as that.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace towpath::sketch {

inline constexpr int kBinsPerOctave = 64;
inline constexpr std::uint64_t kValueMax = (std::uint64_t{1} << 31) - 1;
// More distinct bins than this and the lowest are joined: the quantiles that matter are the upper ones.
inline constexpr std::size_t kBinsMax = 384;

using BinIndex = std::uint16_t;
BinIndex binOf(std::uint64_t microseconds);
// The least value of a bin, and how many values it has.
std::uint64_t binLow(BinIndex index);
std::uint64_t binWidth(BinIndex index);
// The last bin there is.
BinIndex binLast();

struct Bin {
  BinIndex index = 0;
  std::uint64_t count = 0;
  bool operator==(const Bin&) const = default;
};

class Sketch {
 public:
  void add(std::uint64_t microseconds, std::uint64_t count = 1) { addBin(binOf(microseconds), count); }
  void addBin(BinIndex index, std::uint64_t count);
  void merge(const Sketch& other);

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  const std::vector<Bin>& bins() const { return bins_; }  // ascending, each with a count

  // The value in microseconds that `quantile` (0..1) of all are at or below; 0 when empty.
  double quantile(double quantile) const;
  // How many are in bins above this one.
  std::uint64_t countAbove(BinIndex index) const;
  // As if each had taken `factor` (> 0) times as long; within the error of a bin.
  Sketch scaled(double factor) const;

  // Varints: for each bin the distance from the bin before it, and the count. Empty: no bytes.
  std::string encode() const;
  // kCorrupt: not what encode() writes.
  static Result<Sketch> decode(std::string_view bytes);

  bool operator==(const Sketch&) const = default;

 private:
  void bound();
  std::vector<Bin> bins_;
  std::uint64_t count_ = 0;
};

// Both encoded. What is no sketch (from an agent of another kind) is left out.
std::string mergedText(const std::string& one, const std::string& other);

}  // namespace towpath::sketch
