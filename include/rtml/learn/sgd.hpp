#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/math.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Stochastic gradient descent as a flow (losses.hpp): no rate makes it overshoot. One rate for all weights, constant for what drifts, or
/// rate (horizon / (horizon + t))^power, t being the weight of the examples so far: a power of 1 settles where a loss curves everywhere,
/// 1/2 under any convex one. Over hashed features and at a constant rate, a weight of 2 is the example twice. 4 bytes a weight.
///
/// Source: L. Bottou, F. E. Curtis, J. Nocedal, "Optimization methods for large-scale machine learning", SIAM Review 60 (2018), section 4.
class Sgd {
 public:
  struct Options {
    float rate = 0.05F;       ///< time of flow of the first example, > 0
    float power = 0.0F;       ///< in [0, 1]; 0 = at a constant rate
    float horizon = 1000.0F;  ///< weight of examples for which the rate about stays, > 0
  };

  static constexpr std::string_view name = "sgd";
  static constexpr std::size_t fields = 1;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;

  /// The weight of all examples so far: t.
  class State : public detail::OneLane {
   public:
    template <class Loss>
    void learn(const Loss& /*loss*/, const detail::LinearExample<lanes>& example, const Sgd& /*optimizer*/) noexcept {
      seen_ += static_cast<double>(example.weight);
    }
    double seen() const noexcept { return seen_; }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.seen_);
      ar.check(is_finite(self.seen_) && self.seen_ >= 0.0, "weight of the examples");
    }

   private:
    double seen_ = 0.0;
  };

  using Plan = detail::OneStep;

  Sgd() : Sgd(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit Sgd(const Options& options) : options_(options) {
    require("Sgd", "rate", options.rate, options.rate > 0.0F && options.rate <= 1e6F, "in (0, 1e6]");
    require("Sgd", "power", options.power, options.power >= 0.0F && options.power <= 1.0F, "in [0, 1]");
    require("Sgd", "horizon", options.horizon, options.horizon > 0.0F && options.horizon <= 1e15F, "in (0, 1e15]");
  }

  const Options& options() const noexcept { return options_; }

  /// The rate of the next example.
  float rate(const State& state) const noexcept {
    if (options_.power == 0.0F) return options_.rate;
    const double elapsed = std::min(state.seen() / static_cast<double>(options_.horizon), 1e30);
    return options_.rate * math::exp(-options_.power * math::log1p(static_cast<float>(elapsed)));
  }
  float penalty_rate(const State& state) const noexcept { return rate(state); }

  static bool sound(const std::array<float, fields>& cell) noexcept { return detail::sound_weight(cell[0]); }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }
  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& s,
            const detail::Penalty& /*penalty*/, State& state) const noexcept {
    return {example.unit * loss.flow(example.margins[0], example.y, rate(state) * example.weight * s.plain) / s.plain};
  }

  static void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * z);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Sgd", 1);
    auto& o = self.options_;
    ar(o.rate, o.power, o.horizon);
    ar.check(o.rate > 0.0F && o.rate <= 1e6F, "rate");
    ar.check(o.power >= 0.0F && o.power <= 1.0F && o.horizon > 0.0F && o.horizon <= 1e15F, "schedule of the rate");
  }

 private:
  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(Sgd)
}

}  // namespace rtml
