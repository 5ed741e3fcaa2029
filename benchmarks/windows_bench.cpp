// What windows by entity cost: an event comes in, sixteen numbers come out, the event enters its windows. A million cards pay in a day;
// each window is over a day, or seven. Memory is all that the windows hold, over entities and windows.

#include "windows_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_set.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace {

struct CardPayment {
  rtml::Time at{};
  std::uint64_t card = 0;
  std::uint64_t merchant = 0;
  std::uint32_t country = 0;
  double amount = 0.0;
};

constexpr std::size_t windows_per_entity = 16;

rtml::FeatureSet<CardPayment> sixteen_windows(rtml::WindowKind day, rtml::WindowKind week) {
  using namespace rtml;
  const auto card = &CardPayment::card;
  const auto amount = &CardPayment::amount;
  const Duration w1 = hours(24);
  const Duration w2 = days(7);
  return feature_set<CardPayment>(
      "windows-v1", &CardPayment::at, window("count_24h", card, w1, count(), day), window("sum_24h", card, w1, sum(amount), day),
      window("mean_24h", card, w1, mean(amount), day), window("count_7d", card, w2, count(), week),
      window("sum_7d", card, w2, sum(amount), week), window("mean_7d", card, w2, mean(amount), week),
      window("min_24h", card, w1, rtml::min(amount), day), window("max_24h", card, w1, rtml::max(amount), day),
      window("min_7d", card, w2, rtml::min(amount), week), window("max_7d", card, w2, rtml::max(amount), week),
      window("variance_24h", card, w1, variance(amount), day), window("variance_7d", card, w2, variance(amount), week),
      fading("fading_count", card, w1, count()), fading("fading_sum", card, w1, sum(amount)),
      window("merchants_7d", card, w2, distinct(&CardPayment::merchant), week),
      window("countries_7d", card, w2, distinct(&CardPayment::country), week));
}

/// Keys by Zipf's law by rejection: exact, O(1), for any number of keys. Source: W. Hormann, G. Derflinger, "Rejection-inversion to
/// generate variates from monotone discrete distributions", ACM TOMACS 6 (1996).
class ZipfKeys {
 public:
  ZipfKeys(std::size_t keys, double exponent)
      : keys_(static_cast<double>(keys)), exponent_(exponent), low_(integral(1.5) - 1.0), high_(integral(keys_ + 0.5)) {}

  std::uint64_t operator()(rtml::Rng& rng) const {
    for (;;) {
      const double u = high_ + rng.uniform() * (low_ - high_);
      const double x = inverse(u);
      const double k = std::clamp(std::floor(x + 0.5), 1.0, keys_);
      if (u >= integral(k + 0.5) - std::pow(k, -exponent_)) return static_cast<std::uint64_t>(k) - 1;
    }
  }

 private:
  double integral(double x) const { return (std::pow(x, 1.0 - exponent_) - 1.0) / (1.0 - exponent_); }
  double inverse(double u) const { return std::pow(1.0 + u * (1.0 - exponent_), 1.0 / (1.0 - exponent_)); }

  double keys_;
  double exponent_;
  double low_;
  double high_;
};

class PaymentStream {
 public:
  explicit PaymentStream(const WindowsBench& bench)
      : rng_(bench.seed),
        keys_(bench.entities),
        zipf_(bench.zipf > 0.0),
        law_(bench.entities, zipf_ ? bench.zipf : 2.0),
        step_(std::max<std::int64_t>(1, std::int64_t{86'400'000'000} / static_cast<std::int64_t>(bench.events))) {}

  CardPayment next() {
    now_ += step_;
    const std::uint64_t card = zipf_ ? law_(rng_) : rng_.below(keys_);
    return {rtml::Time(rtml::Duration(now_)), card, rng_.below(50) == 0 ? rng_.below(100'000) : rtml::hash_integer(card, rng_.below(20)),
            static_cast<std::uint32_t>(rng_.below(10) == 0 ? rng_.below(200) : card % 200), std::exp(rng_.normal()) * 30.0};
  }

 private:
  rtml::Rng rng_;
  std::uint64_t keys_;
  bool zipf_;
  ZipfKeys law_;
  std::int64_t step_;
  std::int64_t now_ = 1'700'000'000'000'000;
};

}  // namespace

WindowsFigures measure_windows(const WindowsBench& bench) {
  const auto set = bench.exact ? sixteen_windows(rtml::exact(), rtml::exact()) : sixteen_windows(rtml::sawtooth(), rtml::sawtooth());
  auto windows = set.make_windows({.max_entities = 4 * bench.entities, .lateness = rtml::minutes(10)});
  const rtml::Fitted fitted = set.make_fitted();
  PaymentStream stream(bench);
  for (std::size_t i = 0; i < bench.events; ++i) {
    const CardPayment payment = stream.next();
    const auto lock = set.lock(payment, windows);
    set.feed(payment, windows);
  }
  std::vector<float> dense(set.dense_size());
  rtml::FeatureOutput out{dense, {}, {}};
  Latencies latencies(bench.calls);
  for (std::size_t i = 0; i < bench.calls; ++i) {
    const CardPayment payment = stream.next();
    const auto begin = Clock::now();
    set.prefetch(payment, windows);
    {
      const auto lock = set.lock(payment, windows);
      set.compute(payment, fitted, windows, out);
      set.feed(payment, windows);
    }
    latencies.add(Clock::now() - begin);
  }
  const std::uint64_t held = windows.counters().entities;
  const std::uint64_t keys_a_card = windows.keys().size();
  const double cards = static_cast<double>(held) / static_cast<double>(keys_a_card);
  return {latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999),
          static_cast<double>(windows.memory_bytes()) / cards / static_cast<double>(windows_per_entity), held};
}

}  // namespace rtml_bench
