#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// AdaGrad with a rate for each weight, rate / (beta + sqrt(sum of its squared gradients)), as a flow. 8 bytes a weight.
/// Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods", JMLR 12 (2011), section 1.1, diagonal form.
class AdaGrad {
 public:
  struct Options {
    float rate = 0.2F;  ///< > 0
    float beta = 1.0F;  ///< smooths the first steps, > 0
  };

  static constexpr std::string_view name = "adagrad";
  static constexpr std::size_t fields = 2;  // weight, sum of squared gradients
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 1;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;
  using State = detail::OneLane;
  using Plan = detail::OneStep;

  AdaGrad() : AdaGrad(Options{}) {}

  /// @throws ConfigError unless rate and beta lie in (0, 1e6].
  explicit AdaGrad(const Options& options) : options_(options) {
    require("AdaGrad", "rate", options.rate, options.rate > 0.0F && options.rate <= 1e6F, "in (0, 1e6]");
    require("AdaGrad", "beta", options.beta, options.beta > 0.0F && options.beta <= 1e6F, "in (0, 1e6]");
  }

  float penalty_rate(const State& /*state*/) const noexcept { return options_.rate; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_energy(cell[1]);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }

  static void accumulate(std::array<float, fields>& cell, float z, float energy) noexcept {
    cell[1] = detail::clamp_energy(cell[1] + energy * (z * z));
  }
  std::array<float, 1> rates(const std::array<float, fields>& cell, float /*dispersion*/) const noexcept {
    return {1.0F / (options_.beta + std::sqrt(cell[1]))};
  }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<1>& s,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    return {example.unit * loss.flow(example.margins[0], example.y, options_.rate * example.weight * s.adaptive[0]) / s.adaptive[0]};
  }

  static void apply(std::array<float, fields>& cell, float /*z*/, const std::array<float, 1>& pull, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * pull[0]);
  }

  static float energy(const std::array<float, fields>& cell) noexcept { return cell[1]; }
  static void place(std::array<float, fields>& cell, std::size_t /*lane*/, float weight) noexcept { cell[0] = weight; }

  void merge(std::array<float, fields>& mine, const std::array<float, fields>& theirs, float /*unit*/, const detail::Penalty& /*penalty*/,
             const State& /*state*/) const noexcept {
    mine[0] = detail::joined(mine[0], mine[1], theirs[0], theirs[1],
                             [&](float energy) { return detail::reached_by_roots(options_.rate, options_.beta, energy); });
    mine[1] = detail::clamp_energy(mine[1] + theirs[1]);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("AdaGrad", 1);
    ar(self.options_.rate, self.options_.beta);
    ar.check(self.options_.rate > 0.0F && self.options_.rate <= 1e6F, "rate");
    ar.check(self.options_.beta > 0.0F && self.options_.beta <= 1e6F, "beta");
  }

 private:
  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(AdaGrad)
}

}  // namespace rtml
