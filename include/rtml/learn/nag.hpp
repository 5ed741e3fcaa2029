#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Normalized adaptive gradient, with the importance invariant step of a flow: what Vowpal Wabbit does by default. Values are taken as they
/// come, of whatever scale: each weight keeps the largest that it met. 16 bytes a weight.
///
/// Sources: S. Ross, P. Mineiro, J. Langford, "Normalized online learning", UAI 2013, algorithm 2 (NAG); N. Karampatziakis, J. Langford,
/// "Online importance weight aware updates", UAI 2011 (the step).
class Nag {
 public:
  struct Options {
    float rate = 0.5F;  ///< > 0
  };

  static constexpr std::string_view name = "nag";
  static constexpr std::size_t fields = 3;  // weight, sum of squared gradients, largest |value|
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 1;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = true;
  using State = detail::RelativeSizes;
  using Plan = detail::OneStep;

  Nag() : Nag(Options{}) {}

  /// @throws ConfigError unless the rate lies in (0, 1e6].
  explicit Nag(const Options& options) : options_(options) {
    require("Nag", "rate", options.rate, options.rate > 0.0F && options.rate <= 1e6F, "in (0, 1e6]");
  }

  float penalty_rate(const State& /*state*/) const noexcept { return options_.rate; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_energy(cell[1]) && detail::sound_sum(cell[2], largest_magnitude);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }

  /// A value larger than all before shrinks the weight, so that their product stays what it was.
  static void accumulate(std::array<float, fields>& cell, float z, float energy) noexcept {
    const float size = detail::magnitude(z);
    const float largest = detail::larger(size, cell[2]);
    cell[0] *= detail::choose(detail::mask_of(cell[2] > 0.0F), cell[2] / detail::larger(largest, least), 1.0F);
    cell[1] = detail::clamp_energy(cell[1] + energy * (z * z));
    cell[2] = largest;
  }

  static std::array<float, 1> rates(const std::array<float, fields>& cell, float /*dispersion*/) noexcept {
    return {detail::choose(detail::mask_of(cell[1] > 0.0F), 1.0F / detail::larger(std::sqrt(cell[1]) * cell[2], least), 0.0F)};
  }

  static float relative(const std::array<float, fields>& cell, float z) noexcept { return z / detail::larger(cell[2], least); }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<1>& s,
            const detail::Penalty& /*penalty*/, State& state) const noexcept {
    const float multiplier = std::sqrt(state.count(s.plain, example.weight));
    const float sensitivity = multiplier * s.adaptive[0];
    if (!(sensitivity > 0.0F) || example.gradient == 0.0F) return {};
    return {example.unit * multiplier *
            (loss.flow(example.margins[0], example.y, options_.rate * example.weight * sensitivity) / sensitivity)};
  }

  static void apply(std::array<float, fields>& cell, float /*z*/, const std::array<float, 1>& pull, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * pull[0]);
  }

  static float energy(const std::array<float, fields>& cell) noexcept { return cell[1]; }
  static void place(std::array<float, fields>& cell, std::size_t /*lane*/, float weight) noexcept { cell[0] = weight; }

  void merge(std::array<float, fields>& mine, const std::array<float, fields>& theirs, float /*unit*/, const detail::Penalty& /*penalty*/,
             const State& state) const noexcept {
    mine[2] = detail::larger(mine[2], theirs[2]);
    const float rate = options_.rate * std::sqrt(state.ratio()) / detail::larger(mine[2], least);
    mine[0] =
        detail::joined(mine[0], mine[1], theirs[0], theirs[1], [&](float energy) { return detail::reached_by_roots(rate, 0.0F, energy); });
    mine[1] = detail::clamp_energy(mine[1] + theirs[1]);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Nag", 1);
    ar(self.options_.rate);
    ar.check(self.options_.rate > 0.0F && self.options_.rate <= 1e6F, "rate");
  }

 private:
  static constexpr float least = 1e-30F;  // in place of a division by zero

  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(Nag)
}

}  // namespace rtml
