#include "sketch/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

namespace towpath::sketch {
namespace {

constexpr int kBinBits = std::countr_zero(static_cast<unsigned>(kBinsPerOctave));

// The power of two by which a bin's values are divided: 0 below 128.
int shiftOf(BinIndex index) { return std::max(index / kBinsPerOctave - 1, 0); }

void putVarint(std::string& bytes, std::uint64_t value) {
  while (value >= 0x80) {
    bytes += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  bytes += static_cast<char>(value);
}

std::optional<std::uint64_t> takeVarint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace

BinIndex binOf(std::uint64_t microseconds) {
  const std::uint64_t value = std::min(microseconds, kValueMax);
  const int shift = std::max(static_cast<int>(std::bit_width(value)) - 1 - kBinBits, 0);
  return static_cast<BinIndex>(static_cast<std::uint64_t>(shift) * kBinsPerOctave + (value >> shift));
}

std::uint64_t binLow(BinIndex index) {
  const int shift = shiftOf(index);
  return (std::uint64_t{index} - static_cast<std::uint64_t>(shift) * kBinsPerOctave) << shift;
}

std::uint64_t binWidth(BinIndex index) { return std::uint64_t{1} << shiftOf(index); }

BinIndex binLast() { return binOf(kValueMax); }

void Sketch::addBin(BinIndex index, std::uint64_t count) {
  if (count == 0) return;
  index = std::min(index, binLast());
  const auto at = std::ranges::lower_bound(bins_, index, {}, &Bin::index);
  count_ += count;
  if (at != bins_.end() && at->index == index) {
    at->count += count;
    return;
  }
  bins_.insert(at, {index, count});
  bound();
}

void Sketch::merge(const Sketch& other) {
  std::vector<Bin> merged;
  merged.reserve(std::max(bins_.size(), other.bins_.size()));
  auto left = bins_.begin();
  auto right = other.bins_.begin();
  while (left != bins_.end() || right != other.bins_.end()) {
    const bool from_left = right == other.bins_.end() || (left != bins_.end() && left->index <= right->index);
    const Bin& bin = from_left ? *left++ : *right++;
    if (!merged.empty() && merged.back().index == bin.index)
      merged.back().count += bin.count;
    else
      merged.push_back(bin);
  }
  bins_ = std::move(merged);
  count_ += other.count_;
  bound();
}

void Sketch::bound() {
  if (bins_.size() <= kBinsMax) return;
  const std::size_t surplus = bins_.size() - kBinsMax;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < surplus; ++i) low += bins_[i].count;
  bins_.erase(bins_.begin(), bins_.begin() + static_cast<std::ptrdiff_t>(surplus));
  bins_.front().count += low;
}

double Sketch::quantile(double quantile) const {
  if (count_ == 0) return 0;
  const double rank = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_ - 1);
  double before = 0;
  for (const Bin& bin : bins_) {
    before += static_cast<double>(bin.count);
    if (before > rank) return static_cast<double>(binLow(bin.index)) + static_cast<double>(binWidth(bin.index) - 1) / 2;
  }
  return static_cast<double>(binLow(bins_.back().index));
}

std::uint64_t Sketch::countAbove(BinIndex index) const {
  std::uint64_t above = 0;
  for (auto bin = bins_.rbegin(); bin != bins_.rend() && bin->index > index; ++bin) above += bin->count;
  return above;
}

Sketch Sketch::scaled(double factor) const {
  Sketch scaled;
  for (const Bin& bin : bins_) {
    const double middle = static_cast<double>(binLow(bin.index)) + static_cast<double>(binWidth(bin.index) - 1) / 2;
    scaled.add(static_cast<std::uint64_t>(std::min(std::round(middle * factor), static_cast<double>(kValueMax))),
               bin.count);
  }
  return scaled;
}

std::string Sketch::encode() const {
  std::string bytes;
  BinIndex last = 0;
  for (const Bin& bin : bins_) {
    putVarint(bytes, std::uint64_t{bin.index} - last);
    putVarint(bytes, bin.count);
    last = bin.index;
  }
  return bytes;
}

Result<Sketch> Sketch::decode(std::string_view bytes) {
  Sketch sketch;
  std::uint64_t index = 0;
  while (!bytes.empty()) {
    const auto distance = takeVarint(bytes);
    const auto count = distance ? takeVarint(bytes) : std::nullopt;
    const bool sane = count && *distance <= binLast() && *count > 0 && *count <= (std::uint64_t{1} << 53) &&
                      (*distance > 0 || sketch.bins_.empty()) && sketch.bins_.size() < kBinsMax;
    if (!sane || (index += *distance) > binLast())
      return fail(ErrorKind::kCorrupt, "the bytes are no sketch of latencies");
    sketch.bins_.push_back({static_cast<BinIndex>(index), *count});
    sketch.count_ += *count;
  }
  return sketch;
}

std::string mergedText(const std::string& one, const std::string& other) {
  if (one.empty()) return other;
  if (other.empty()) return one;
  Result<Sketch> merged = Sketch::decode(one);
  const Result<Sketch> more = Sketch::decode(other);
  if (!merged) return other;
  if (more) merged->merge(*more);
  return merged->encode();
}

}  // namespace towpath::sketch
