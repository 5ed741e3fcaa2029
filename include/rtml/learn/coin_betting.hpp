#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// No rate at all: each weight bets a share of its wealth on the sign of its next negative gradient, a share that grows with how much one
/// sign has prevailed. Wealth, and with it the step, grows as fast as the bets were right. Values are taken as they come, of whatever
/// scale: each weight keeps the largest that it met. An importance weight multiplies the gradient. 32 bytes a weight.
///
/// It takes no L1 or L2: wealth counts what bets win, and a weight that shrinks beside them would never come to rest.
///
/// Sources: F. Orabona, T. Tommasi, "Training deep networks without learning rates through coin betting", NIPS 2017, algorithm 2, from a
/// wealth to begin with and over the mean size of examples, as Vowpal Wabbit does (--coin).
class CoinBetting {
 public:
  struct Options {
    float wealth = 4.0F;  ///< to begin with, > 0
  };

  static constexpr std::string_view name = "coin";
  // Weight, what it started at, sum of negative gradients, sum of their magnitudes, steepest loss, wealth won, largest |value|.
  static constexpr std::size_t fields = 7;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = true;
  static constexpr bool unpenalised = true;
  static constexpr bool scales_itself = true;
  using State = detail::RelativeSizes;
  struct Plan {
    float gradient = 0.0F;
    float steepness = 1.0F;
    float step = 0.0F;  ///< how much of a bet becomes weight
  };

  CoinBetting() : CoinBetting(Options{}) {}

  /// @throws ConfigError unless the wealth lies in (0, 1e6].
  explicit CoinBetting(const Options& options) : options_(options) {
    require("CoinBetting", "wealth", options.wealth, options.wealth > 0.0F && options.wealth <= 1e6F, "in (0, 1e6]");
  }

  const Options& options() const noexcept { return options_; }
  static float penalty_rate(const State& /*state*/) noexcept { return 0.0F; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_weight(cell[1]) && detail::sound_weight(cell[2]) &&
           detail::sound_energy(cell[3]) && detail::sound_sum(cell[4], steepest) && detail::sound_energy(cell[5]) &&
           detail::sound_sum(cell[6], largest_magnitude);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = cell[1] = value; }

  static void accumulate(std::array<float, fields>& cell, float z, float /*energy*/) noexcept {
    cell[6] = detail::larger(cell[6], detail::magnitude(z));
  }
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }
  static float relative(const std::array<float, fields>& cell, float z) noexcept { return z / detail::larger(cell[6], least); }

  template <class Loss>
  Plan plan(const Loss& /*loss*/, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& s,
            const detail::Penalty& /*penalty*/, State& state) const noexcept {
    const float gradient = std::clamp(example.gradient * example.weight, -steepest, steepest);
    return {gradient, std::max(gradient < 0.0F ? -gradient : gradient, 1.0F), example.unit * state.count(s.plain, example.weight)};
  }

  void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
             bool /*penalised*/) const noexcept {
    auto& [weight, origin, sum, magnitudes, steepness, wealth, largest] = cell;
    const std::int32_t met = detail::mask_of(detail::bits_of(detail::magnitude(z)) != 0);
    steepness = detail::choose(met, detail::larger(steepness, plan.steepness), steepness);
    const float most = detail::larger(steepness * largest, least);  // that a gradient can be
    const float g = plan.gradient * z;
    wealth = detail::clamp_energy(detail::larger(wealth - g * bet(sum, magnitudes, wealth, most), 0.0F));
    sum = detail::clamp_weight(sum - g);
    magnitudes = detail::clamp_energy(magnitudes + detail::magnitude(g));
    weight = detail::choose(met, detail::clamp_weight(origin + plan.step * bet(sum, magnitudes, wealth, most)), weight);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("CoinBetting", 1);
    ar(self.options_.wealth);
    ar.check(self.options_.wealth > 0.0F && self.options_.wealth <= 1e6F, "wealth");
  }

 private:
  static constexpr float steepest = 1e6F;  // gradients are cut here
  static constexpr float least = 1e-30F;   // in place of a division by zero

  float bet(float sum, float magnitudes, float wealth, float most) const noexcept {
    return detail::smaller((options_.wealth + wealth) / most, detail::largest_weight) * (sum / (most + magnitudes));
  }

  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(CoinBetting)
}

}  // namespace rtml
