#pragma once
// Chance from a seed (splitmix64). Streams are forked by a tag and not by order, so that taking one action out of a
// scenario leaves the chance of all others as it was: shrinking depends on that.

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/time.h"

namespace towpath::simulate {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Both ends included.
  int between(int least, int most) {
    return least + static_cast<int>(next() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool percent(int chance) { return between(0, 99) < chance; }
  Duration between(Duration least, Duration most) {
    return least +
           Duration(static_cast<Duration::rep>(next() % static_cast<std::uint64_t>((most - least).count() + 1)));
  }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[next() % from.size()];
  }
  // A stream of its own.
  Random fork(std::string_view tag, std::uint64_t number = 0) const {
    std::uint64_t hash = 0xcbf29ce484222325 ^ state_;
    for (const char c : tag) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    Random other(hash ^ (number * 0x9e3779b97f4a7c15));
    return Random(other.next());
  }

 private:
  std::uint64_t state_;
};

}  // namespace towpath::simulate
