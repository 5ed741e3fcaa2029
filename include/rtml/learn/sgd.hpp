#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Stochastic gradient descent at one constant rate, as a flow (losses.hpp): no rate makes it overshoot, and over hashed features a weight
/// of 2 is the example twice. 4 bytes a weight.
class Sgd {
 public:
  struct Options {
    float rate = 0.05F;  ///< time of flow of one example, > 0
  };

  static constexpr std::string_view name = "sgd";
  static constexpr std::size_t fields = 1;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;
  using State = detail::OneLane;
  using Plan = detail::OneStep;

  Sgd() : Sgd(Options{}) {}

  /// @throws ConfigError unless the rate lies in (0, 1e6].
  explicit Sgd(const Options& options) : options_(options) {
    require("Sgd", "rate", options.rate, options.rate > 0.0F && options.rate <= 1e6F, "in (0, 1e6]");
  }

  float penalty_rate() const noexcept { return options_.rate; }

  static bool sound(const std::array<float, fields>& cell) noexcept { return detail::sound_weight(cell[0]); }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }
  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& s,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    return {example.unit * loss.flow(example.margins[0], example.y, options_.rate * example.weight * s.plain) / s.plain};
  }

  static void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * z);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Sgd", 1);
    ar(self.options_.rate);
    ar.check(self.options_.rate > 0.0F && self.options_.rate <= 1e6F, "rate");
  }

 private:
  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(Sgd)
}

}  // namespace rtml
