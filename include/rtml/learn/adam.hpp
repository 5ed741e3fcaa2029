#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Adam: a step along the running mean of the gradient, over the root of the running mean of its square. Lazy, for sparse features: a
/// weight's means advance, and it moves, only when an example has its feature, and their bias is corrected by how often that was. Steps do
/// not get shorter with time: it follows what drifts, and does not settle. 32 bytes a weight.
///
/// An importance weight multiplies the gradient. One that all examples have changes nothing, as steps do not depend on the loss's unit. L1
/// and L2 act beside the means, not through them (AdamW).
///
/// The default rate is the compromise of one pass over eight streams, hashed and dense: the 0.001 of the paper, for many passes, learns too
/// slowly, and 0.01 shakes a hundred dense columns.
///
/// Sources: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1; I. Loshchilov, F. Hutter, "Decoupled
/// weight decay regularization", ICLR 2019 (the penalties).
class Adam {
 public:
  struct Options {
    float rate = 0.005F;    ///< > 0
    float beta1 = 0.9F;     ///< share that the mean keeps, in [0, 1)
    float beta2 = 0.999F;   ///< share that the mean square keeps, in [0, 1)
    float epsilon = 1e-8F;  ///< added to the root, > 0
  };

  static constexpr std::string_view name = "adam";
  // Weight, m and v, and what the same means make of a constant 1: 1 - beta1^t and 1 - beta2^t, without a power.
  static constexpr std::size_t fields = 5;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;
  using State = detail::OneLane;
  struct Plan {
    float gradient = 0.0F;
    float step = 0.0F;
  };

  Adam() : Adam(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit Adam(const Options& options) : options_(options) {
    require("Adam", "rate", options.rate, options.rate > 0.0F && options.rate <= 1e6F, "in (0, 1e6]");
    require("Adam", "beta1", options.beta1, options.beta1 >= 0.0F && options.beta1 < 1.0F, "in [0, 1)");
    require("Adam", "beta2", options.beta2, options.beta2 >= 0.0F && options.beta2 < 1.0F, "in [0, 1)");
    require("Adam", "epsilon", options.epsilon, options.epsilon >= 1e-30F && options.epsilon <= 1.0F, "in [1e-30, 1]");
  }

  const Options& options() const noexcept { return options_; }
  float penalty_rate(const State& /*state*/) const noexcept { return options_.rate; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_weight(cell[1]) && detail::sound_energy(cell[2]) &&
           detail::sound_sum(cell[3], 1.0F) && detail::sound_sum(cell[4], 1.0F);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }
  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }

  template <class Loss>
  Plan plan(const Loss& /*loss*/, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& /*s*/,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    return {std::clamp(example.gradient * example.weight, -1e6F, 1e6F), options_.rate * example.unit};
  }

  void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
             bool /*penalised*/) const noexcept {
    auto& [weight, mean, square, mean_of_one, square_of_one] = cell;
    const float met = detail::choose(detail::mask_of(detail::bits_of(detail::magnitude(z)) != 0), 1.0F, 0.0F);
    const float fresh1 = met * (1.0F - options_.beta1);
    const float fresh2 = met * (1.0F - options_.beta2);
    const float g = detail::cut(plan.gradient * z, 1e12F);
    mean = detail::clamp_weight(mean + fresh1 * (g - mean));
    square = detail::clamp_energy(square + fresh2 * (g * g - square));
    mean_of_one = detail::smaller(mean_of_one + fresh1 * (1.0F - mean_of_one), 1.0F);
    square_of_one = detail::smaller(square_of_one + fresh2 * (1.0F - square_of_one), 1.0F);
    const float root = std::sqrt(square / detail::larger(square_of_one, least));
    weight = detail::clamp_weight(weight - met * plan.step * (mean / detail::larger(mean_of_one, least)) / (root + options_.epsilon));
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Adam", 1);
    auto& o = self.options_;
    ar(o.rate, o.beta1, o.beta2, o.epsilon);
    ar.check(o.rate > 0.0F && o.rate <= 1e6F && o.epsilon >= 1e-30F && o.epsilon <= 1.0F, "rate or epsilon");
    ar.check(o.beta1 >= 0.0F && o.beta1 < 1.0F && o.beta2 >= 0.0F && o.beta2 < 1.0F, "shares that means keep");
  }

 private:
  static constexpr float least = 1e-30F;  // in place of a division by zero, of what was never met

  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(Adam)
}

}  // namespace rtml
