#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"

namespace rtml::testing {

enum class Channel : std::int8_t { unknown = -1, web = 0, store = 1 };

struct Payment {
  Time at{};
  std::uint64_t card = 0;
  std::string_view merchant{};
  double amount = 0.0;
  Channel channel = Channel::web;
};

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// Four cards, three merchants and one payment without; times tie often and go back by up to `late` seconds; amounts are quarters, so that
/// any order of summation gives the same sum; some are missing or refused.
inline std::vector<Payment> payments(std::uint64_t seed, std::size_t count, std::uint64_t late) {
  constexpr std::string_view merchants[] = {"bakery", "garage", "", "a merchant with a name of more than thirty-two bytes"};
  Rng rng(seed);
  std::vector<Payment> stream(count);
  std::uint64_t now = 1'000'000;
  for (Payment& payment : stream) {
    now += rng.below(4) * rng.below(5);
    payment.at = from_unix_seconds(static_cast<std::int64_t>(now - rng.below(late + 1) * rng.below(2)));
    payment.card = rng.below(4);
    payment.merchant = merchants[rng.below(4)];
    payment.amount = static_cast<double>(rng.below(4000)) / 4.0 - 200.0;
    if (rng.below(20) == 0) payment.amount = rng.below(2) == 0 ? nan : infinity;
    payment.channel = static_cast<Channel>(static_cast<std::int64_t>(rng.below(3)) - 1);
  }
  return stream;
}

/// The dense values of one event, by a pipeline.
inline std::vector<float> dense_of(FeaturePipeline<Payment>& pipeline, const Payment& payment) {
  const Features x = pipeline(payment);
  return {x.dense.begin(), x.dense.end()};
}

/// Bits, so that NaN equals NaN and -0.0 is not 0.
inline std::vector<std::uint32_t> bits_of(std::span<const float> values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

/// What a set gives of an event, bit for bit.
struct Served {
  std::vector<std::uint32_t> dense;
  std::vector<std::uint32_t> sparse;  // index, value, ...

  friend bool operator==(const Served&, const Served&) = default;
};

inline Served served_of(const Features& x) {
  Served served{bits_of(x.dense), {}};
  for (const SparseFeature& each : x.sparse) {
    served.sparse.push_back(each.index);
    served.sparse.push_back(std::bit_cast<std::uint32_t>(each.value));
  }
  return served;
}

inline constexpr std::size_t shop_count = 2000;

/// The name of a shop. @pre i < shop_count
inline std::string_view shop(std::size_t i) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (std::size_t n = 0; n < shop_count; ++n) made.push_back("shop " + to_text(n));
    return made;
  }();
  return names[i];
}

}  // namespace rtml::testing
