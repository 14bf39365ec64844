#pragma once
// ShareTest: an anytime-valid test of whether the canary has more (or less) than its share of what went wrong. Pure.
//
// In one window both versions answered requests, the canary `share` of them, and some of the requests are *events*:
// errors, or answers slower than a quantile of both versions together. If the canary is no worse than the stable
// version, each event would have fallen on it with probability `share`, whatever the cause; so of the events of a
// window, the expected part of the canary is `share`. Only that is used. What hits both versions alike (an outage of a
// shared database, the daily drift of traffic and errors, a bad minute) makes more events and moves no share.
//
// The test bets against that expectation. Its wealth starts at 1 and is multiplied, for each window, by a factor whose
// expectation is at most 1 while the canary is no worse; so (Ville 1939) the chance that it ever reaches 1/alpha is at
// most alpha, however often one looks and whenever one stops. Two factors, for a bet on the odds ratio r and a window
// with the events k, x of them on the canary, w = share:
//
//   any burst    (1 + (x/k)(r - 1)) / (1 + w(r - 1))           x/k lies in [0, 1] and has mean w
//   bursts <= b  (r^x / (1 + w(r - 1))^k)^(1/b)                 k/b causes at least, each on one side
//
// The first is the betting martingale for a bounded mean (Waudby-Smith, Ramdas: "Estimating means of bounded random
// variables by betting", JRSS B 86, 2024, arXiv 2010.09686) and needs no independence within a window: a client that
// repeats a failing request a hundred times is one cause, and falls on one side. What it needs is windows longer than
// a burst. The second is, for b = 1, the binomial likelihood ratio, conditional on k (2x2 e-values: Turner, Ly,
// Grünwald, arXiv 2106.02693; sampling without replacement is dominated by Hoeffding 1963, theorem 4); for b > 1
// log(1 + w(r^u - 1)) is convex in u and 0 at 0, so that events in groups of at most b multiply to no more than the
// power 1/b. It gains with every request, and is wrong about bursts that are longer than it was told.
//
// Wealth is an average over a fixed grid of r (method of mixtures, Robbins 1970; for deployments: Lindon, Sanden,
// Shirikian, "Rapid Regression Detection in Software Deployments through Sequential Testing", KDD 2022, arXiv
// 2205.14762): an average of fair bets is fair, and no effect has to be guessed.

#include <array>
#include <cstddef>
#include <span>

namespace towpath::judge {

// The events of one window. Not whole where they are weighed.
struct Events {
  double canary = 0;  // of them on the canary
  double all = 0;     // of both versions; 0: the window says nothing
  double share = 0;   // expected part of the canary, 0 < share < 1
};

enum class Bet {
  kMore,  // against "the canary has at most its share"
  kLess,  // against "the canary has at least its share"
};

inline constexpr std::size_t kBets = 8;

class ShareTest {
 public:
  // `burst`: the longest run of events with one cause; 0: unknown, any.
  ShareTest(Bet bet, double burst);

  void observe(const Events& events);
  // Natural logarithm of the wealth: 3 is 20 times what one began with.
  double logWealth() const;

  // The bets' own wealths; what to keep to go on later.
  std::span<const double, kBets> wealths() const { return wealths_; }
  void restore(std::span<const double, kBets> wealths);

  // The factor's logarithm that window after window of such events would add at best.
  static double growth(const Events& events, Bet bet, double burst);

 private:
  Bet bet_;
  double burst_;
  std::array<double, kBets> wealths_{};  // logarithms
};

}  // namespace towpath::judge
