#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "rtml/core/finite.hpp"
#include "rtml/core/math.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml::detail {

/// Experts mixed by how they do: shares proportional to e^logit, moved by exponentiated gradient at a rate that falls with the gradients'
/// sum of squares. Source: J. Kivinen, M. K. Warmuth, Information and Computation 132 (1997), section 5.
template <std::size_t Experts>
class Mixture {
 public:
  using Numbers = std::array<float, Experts>;

  Mixture() noexcept { share(); }

  float mix(const Numbers& margins) const noexcept {
    float sum = share_[0] * margins[0];
    for (std::size_t k = 1; k < Experts; ++k) sum += share_[k] * margins[k];
    return sum;
  }

  const Numbers& shares() const noexcept { return share_; }

  /// `slope` is the loss's along each expert's difference from the mixture, `rate` that of the first steps.
  void learn(const Numbers& slope, float weight, float rate) noexcept {
    weight = std::min(weight, 100.0F);
    float energy = 0.0F;
    for (std::size_t k = 0; k < Experts; ++k) energy += share_[k] * slope[k] * slope[k];
    // Of an example that weighs 100, the gradient is 100 times as steep, its square 10^4 times.
    energy_ = std::min(energy_ + std::max(weight, weight * weight) * energy, largest_energy);
    const float step = rate * weight / std::sqrt(1.0F + energy_);
    for (std::size_t k = 0; k < Experts; ++k) logit_[k] -= step * slope[k];
    normalise();
  }

  /// The mean by what each learned from.
  void merge(const Mixture& other) noexcept {
    for (std::size_t k = 0; k < Experts; ++k)
      logit_[k] = joined(logit_[k], energy_, other.logit_[k], other.energy_, [](float /*energy*/) { return 1.0F; });
    energy_ = std::min(energy_ + other.energy_, largest_energy);
    normalise();
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.logit_, self.share_, self.energy_);  // shares too: with -ffast-math they need not come out the same twice
    float sum = 0.0F;
    for (std::size_t k = 0; k < Experts; ++k) {
      const float logit = self.logit_[k];
      const float share = self.share_[k];
      ar.check(is_finite(logit) && logit >= lowest && logit <= 0.0F, "mixture");
      ar.check(is_finite(share) && share >= 0.0F && share <= 1.0F, "share of the mixture");
      sum += share;
    }
    ar.check(std::fabs(sum - 1.0F) < 1e-3F, "shares of the mixture");
    ar.check(sound_energy(self.energy_), "mixture energy");
  }

 private:
  static constexpr float lowest = -8.0F;  // an expert that fell behind keeps 1 / 3000, from where it can return

  void normalise() noexcept {
    const float highest = *std::max_element(logit_.begin(), logit_.end());
    for (float& logit : logit_) logit = std::max(logit - highest, lowest);
    share();
  }

  void share() noexcept {
    float sum = 0.0F;
    for (std::size_t k = 0; k < Experts; ++k) sum += share_[k] = math::exp(logit_[k]);
    for (float& share : share_) share /= sum;
  }

  Numbers logit_{};
  Numbers share_{};  // of logit_
  float energy_ = 0.0F;
};

}  // namespace rtml::detail
