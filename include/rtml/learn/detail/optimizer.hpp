#pragma once

#include <array>
#include <cstddef>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"

namespace rtml::detail {

// An optimizer is what `Linear` does to one weight, told in the weight's own words: a cell of `fields` floats, whose first `lanes` are
// weights (of as many linear models that learn side by side). An example runs over its cells twice (linear_kernels.hpp):
//
//   accumulate(cell, z, energy)                 counts the squared gradient `energy` z^2,
//   rates(cell, dispersion)                     are the weight's own rates, `rate_count` of them; pulls = rates z,
//   relative(cell, z)                           is z over what the weight met, of those that scale themselves,
//   plan(loss, example, sensitivity, penalty, state)  decides how far each lane moves, once an example,
//   apply(cell, z, pulls, plan, penalised)      moves the weights,
//   sound(cell)                                 says whether a cell that was read from a file can be one of its own.
//
// z is the feature's value, over its column's scale unless the optimizer `scales_itself`. Steps are in the label's unit (losses.hpp), so
// that they need no tuning to its size. What runs for each cell is free of branches: its loop must vectorise.

/// What an optimizer sees of an example: margins and label in the label's unit.
template <std::size_t Lanes>
struct LinearExample {
  std::array<float, Lanes> margins{};
  float margin = 0.0F;    ///< of the mixed lanes
  float gradient = 0.0F;  ///< of the loss there
  float y = 0.0F;
  float weight = 1.0F;      ///< importance
  float unit = 1.0F;        ///< one unit, in the label's own measure
  float dispersion = 1.0F;  ///< what is left of a label's variance, over what the loss supposes
};

/// How much the margin moves when every weight follows its gradient: sums over the example's features, the intercept's 1 included.
template <std::size_t Rates>
struct Sensitivity {
  std::array<float, Rates> adaptive{};  ///< of rate z^2
  float plain = 0.0F;                   ///< of z^2, or relative z^2

  void add(const std::array<float, Rates>& rates, float z) noexcept {
    for (std::size_t r = 0; r < Rates; ++r) adaptive[r] += rates[r] * z * z;
    plain += z * z;
  }
};

inline float clamp_weight(float w) noexcept { return cut(w, largest_weight); }
inline bool sound_weight(float w) noexcept { return is_finite(w) && magnitude(w) <= largest_weight; }
inline bool sound_energy(float sum) noexcept { return sum >= 0.0F && sum <= largest_energy; }
inline float clamp_energy(float sum) noexcept { return smaller(sum, largest_energy); }

struct Penalty {
  float l1 = 0.0F;
  float l2 = 0.0F;
};

/// Optimizers whose cells say how much was learned of a weight: merge(mine, theirs, unit, penalty) joins two.
template <class Optimizer>
concept WeighsGradients = requires(const Optimizer& optimizer, std::array<float, Optimizer::fields>& mine,
                                   const std::array<float, Optimizer::fields>& theirs, Penalty penalty) {
  optimizer.merge(mine, theirs, 1.0F, penalty);
};

/// The mean of two weights by what each learned from.
inline float weighted_mean(float mine, float my_energy, float theirs, float their_energy) noexcept {
  const double all = static_cast<double>(my_energy) + static_cast<double>(their_energy);
  if (all == 0.0) return mine != 0.0F ? mine : theirs;
  const double share = static_cast<double>(their_energy) / all;
  return clamp_weight(static_cast<float>(static_cast<double>(mine) * (1.0 - share) + static_cast<double>(theirs) * share));
}

/// The state of optimizers that have one lane: nothing to mix.
struct OneLane {
  static constexpr float mix(const std::array<float, 1>& margins) noexcept { return margins[0]; }
  static constexpr std::array<float, 1> shares() noexcept { return {1.0F}; }
  template <class Optimizer>
  static constexpr void learn(const LinearExample<1>& /*example*/, const Optimizer& /*optimizer*/) noexcept {}
  static constexpr float dispersion() noexcept { return 1.0F; }
  static constexpr void merge(const OneLane& /*other*/) noexcept {}

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& /*ar*/) {}
};

struct OneStep {
  float step = 0.0F;
};

}  // namespace rtml::detail
