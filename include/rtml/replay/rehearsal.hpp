#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/replay_buffer.hpp"

namespace rtml {

/// Which old examples are learned again beside the new ones, against forgetting: `.rehearse = reservoir(50'000)`, or
/// `{class_balanced(10'000), 0.5}`. Empty: none.
struct Rehearsal {
  Rehearsal() = default;
  Rehearsal(ReplayBuffer buffer_, double ratio_ = 1.0, std::uint64_t seed_ = 0)  // NOLINT(google-explicit-constructor): see above
      : buffer(std::move(buffer_)), ratio(ratio_), seed(seed_) {}

  ReplayBuffer buffer;
  double ratio = 1.0;      ///< old examples learned again for each new one, on average; in [0, 1000]
  std::uint64_t seed = 0;  ///< of which ones
};

/// A Rehearsal at work: decides when an old example is due and which.
///
/// Allocates in bind() only. A value.
class Rehearser {
 public:
  Rehearser() : Rehearser(Rehearsal{}) {}

  /// @throws ConfigError
  explicit Rehearser(Rehearsal options) : buffer_(std::move(options.buffer)), ratio_(options.ratio), rng_(options.seed) {
    require("Rehearsal", "ratio", ratio_, is_finite(ratio_) && ratio_ >= 0.0 && ratio_ <= most, "in [0, 1000]");
  }

  void bind(const Schema& schema) { buffer_.bind(schema); }

  /// Call it after `fresh` was learned. Passes what is due from the buffer to `learn(const Example&)`, then stores `fresh`. Without a
  /// whole number for a ratio the remainder is carried over: 0.25 is every fourth time. What is due while nothing is stored is dropped.
  template <std::invocable<const Example&> Learn>
  void after(const Example& fresh, Learn&& learn) noexcept {
    if (!buffer_) return;
    owed_ += ratio_;
    for (; owed_ >= 1.0; owed_ -= 1.0) {
      if (buffer_.size() == 0) continue;
      learn(buffer_.sample(rng_));
      ++replayed_;
    }
    buffer_.add(fresh.x, fresh.y, fresh.weight, fresh.at);
  }

  const ReplayBuffer& buffer() const noexcept { return buffer_; }
  double ratio() const noexcept { return ratio_; }

  /// Old examples that were learned again.
  std::uint64_t replayed() const noexcept { return replayed_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(buffer_) + buffer_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Rehearser", 1);
    ar(self.buffer_, self.ratio_, self.owed_, self.rng_, self.replayed_);
    ar.check(is_finite(self.ratio_) && self.ratio_ >= 0.0 && self.ratio_ <= most, "ratio");
    ar.check(is_finite(self.owed_) && self.owed_ >= 0.0 && self.owed_ < 1.0, "share of a replay that is owed");
  }

 private:
  static constexpr double most = 1000.0;

  ReplayBuffer buffer_;
  double ratio_;
  double owed_ = 0.0;
  Rng rng_;
  std::uint64_t replayed_ = 0;
};

}  // namespace rtml
