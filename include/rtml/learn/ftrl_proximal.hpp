#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Follow the regularized leader, proximal: L1 gives weights that are exactly zero. An importance weight multiplies the gradient. 16 bytes.
/// Source: H. B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013, algorithm 1.
class FtrlProximal {
 public:
  struct Options {
    float alpha = 0.2F;  ///< > 0
    float beta = 1.0F;   ///< > 0
  };

  static constexpr std::string_view name = "ftrl";
  static constexpr std::size_t fields = 4;  // weight, z, n, sqrt(n): the paper's names
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = true;
  static constexpr bool scales_itself = false;
  using State = detail::OneLane;
  struct Plan {
    float gradient = 0.0F;
    float unit = 1.0F;
    detail::Penalty penalty;
  };

  FtrlProximal() : FtrlProximal(Options{}) {}

  /// @throws ConfigError unless alpha and beta lie in (0, 1e6].
  explicit FtrlProximal(const Options& options) : options_(options) {
    require("FtrlProximal", "alpha", options.alpha, options.alpha > 0.0F && options.alpha <= 1e6F, "in (0, 1e6]");
    require("FtrlProximal", "beta", options.beta, options.beta > 0.0F && options.beta <= 1e6F, "in (0, 1e6]");
  }

  float penalty_rate(const State& /*state*/) const noexcept { return 0.0F; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_weight(cell[1]) && detail::sound_energy(cell[2]) && detail::sound_energy(cell[3]);
  }

  void start(std::array<float, fields>& cell, float value) const noexcept {
    cell = {value, -value * (options_.beta / options_.alpha), 0.0F, 0.0F};
  }

  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }

  template <class Loss>
  Plan plan(const Loss& /*loss*/, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& /*s*/,
            const detail::Penalty& penalty, State& /*state*/) const noexcept {
    return {std::clamp(example.gradient * example.weight, -1e6F, 1e6F), example.unit, penalty};
  }

  void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
             bool penalised) const noexcept {
    auto& [weight, total, n, root] = cell;
    const float g = detail::cut(plan.gradient * z, 1e12F);
    n = detail::clamp_energy(n + g * g);
    const float next = std::sqrt(n);
    total = detail::clamp_weight(total + plan.unit * g - (next - root) / options_.alpha * weight);
    root = next;
    const detail::Penalty penalty = penalised ? plan.penalty : detail::Penalty{};
    const float beyond = total - detail::cut(total, plan.unit * penalty.l1);  // soft threshold
    weight = detail::clamp_weight(-beyond / (penalty.l2 + (options_.beta + root) / options_.alpha));
  }

  /// The mean weight, and the total that belongs to it: totals themselves do not add up, as each has its own weights in it.
  static float energy(const std::array<float, fields>& cell) noexcept { return cell[2]; }
  /// No penalty acts on the intercept.
  void place(std::array<float, fields>& cell, std::size_t /*lane*/, float weight) const noexcept {
    cell[0] = weight;
    cell[1] = detail::clamp_weight(-weight * (options_.beta + cell[3]) / options_.alpha);
  }

  void merge(std::array<float, fields>& mine, const std::array<float, fields>& theirs, float unit, const detail::Penalty& penalty,
             const State& /*state*/) const noexcept {
    const auto reached = [&](float energy) { return detail::reached_by_roots(options_.alpha, options_.beta, energy); };
    const float weight = detail::joined(mine[0], mine[2], theirs[0], theirs[2], reached);
    const float total = detail::joined(mine[1], mine[2], theirs[1], theirs[2], reached);
    const float n = detail::clamp_energy(mine[2] + theirs[2]);
    const float root = std::sqrt(n);
    const float beyond = weight * (penalty.l2 + (options_.beta + root) / options_.alpha);
    const float threshold = unit * penalty.l1;
    const float moved = weight == 0.0F ? detail::cut(total, threshold) : -beyond - std::copysign(threshold, weight);
    mine = {weight, detail::clamp_weight(moved), n, root};
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FtrlProximal", 1);
    ar(self.options_.alpha, self.options_.beta);
    ar.check(self.options_.alpha > 0.0F && self.options_.alpha <= 1e6F, "alpha");
    ar.check(self.options_.beta > 0.0F && self.options_.beta <= 1e6F, "beta");
  }

 private:
  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(FtrlProximal)
}

}  // namespace rtml
