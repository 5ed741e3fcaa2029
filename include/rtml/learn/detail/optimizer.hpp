#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/math.hpp"
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
//   sound(cell)                                 says whether a cell that was read from a file can be one of its own,
//   penalty_rate(state)                         is the rate at which L1 and L2 shrink weights after an example.
//
// One that `suits` not every loss says which; one that takes no L1 and L2 is `unpenalised`.
//
// z is the feature's value, over its column's scale unless the optimizer `scales_itself`. Steps are in the label's unit (losses.hpp), so
// that they need no tuning to its size. What runs for each cell is free of branches: its loop must vectorise.

// One that `scales_hashed` has the values of hashed features scaled too: others are their textbook's, which takes them as they come.
// One that learns from the examples themselves how to take them is what `adapted(state)` returns.

/// What an optimizer sees of an example: margins and label in the label's unit.
template <std::size_t Experts>
struct LinearExample {
  std::array<float, Experts> margins{};  ///< of the lanes, and what else State mixes
  float margin = 0.0F;                   ///< of the mixture
  float gradient = 0.0F;                 ///< of the loss there
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
/// In [0, limit], on the bits: of a NaN that is so in every host.
inline bool sound_sum(float sum, float limit) noexcept { return bits_of(sum) >= 0 && bits_of(sum) <= bits_of(limit); }
inline bool sound_energy(float sum) noexcept { return sound_sum(sum, largest_energy); }
/// A denormal is 0: vectorised under -ffast-math, its root would be infinite.
inline float clamp_energy(float sum) noexcept {
  return choose(mask_of(bits_of(sum) >= bits_of(std::numeric_limits<float>::min())), smaller(sum, largest_energy), 0.0F);
}

struct Penalty {
  float l1 = 0.0F;
  float l2 = 0.0F;
};

/// Optimizers whose cells say how much was learned of a weight: merge(mine, theirs, unit, penalty, state) joins two, energy(cell) is the sum of
/// squared gradients, place(cell, lane, weight) has a weight, of the intercept, be another.
template <class Optimizer>
concept WeighsGradients = requires(const Optimizer& optimizer, std::array<float, Optimizer::fields>& mine,
                                   const std::array<float, Optimizer::fields>& theirs, Penalty penalty,
                                   const typename Optimizer::State& state) {
  optimizer.merge(mine, theirs, 1.0F, penalty, state);
  optimizer.place(mine, std::size_t{0}, 1.0F);
  { Optimizer::energy(mine) } -> std::same_as<float>;
};

/// A weight goes its way so much slower than if it were alone: the others of its examples explain part of what it would have to. Chosen on one
/// stream of clicks, 8 shards of which then lose 0.9 % by merging (at 1 they lose 1.2 %), and 0.6 to 0.75 % of three that it was not chosen on;
/// on an easier one 1 is better, by 0.3 %.
inline constexpr float among_others = 0.7F;

/// Two weights joined, each learned from examples of so much `energy` (the sum of their squared gradients: their information on the weight)
/// and therefore so far on its way from 0, `reached(energy)` in [0, 1], to where they draw it: the mean of the two ends by information, as
/// far on the way as the sum of both leads. For rates that fall as 1/n that is the product of two posteriors over their common prior.
template <class Reached>
float joined(float mine, float my_energy, float theirs, float their_energy, Reached reached) noexcept {
  const auto end = [&](float weight, float energy) {
    const float part = reached(energy);
    return part > 0.0F ? static_cast<double>(weight) * static_cast<double>(energy / part) : 0.0;
  };
  const float all = clamp_energy(my_energy + their_energy);
  if (!(all > 0.0F)) return mine != 0.0F ? mine : theirs;
  return clamp_weight(static_cast<float>((end(mine, my_energy) + end(theirs, their_energy)) * static_cast<double>(reached(all) / all)));
}

/// How far rates of 1 / (precision + energy) lead.
inline float reached_by_counts(float precision, float energy) noexcept { return energy / (precision / among_others + energy); }

/// How far rates of rate / (beta + sqrt(energy)) lead: 1 - e^-t, where t is their integral over the energy.
inline float reached_by_roots(float rate, float beta, float energy) noexcept {
  const float root = std::sqrt(energy);
  const float slowed = beta > 0.0F ? beta * math::log1p(root / beta) : 0.0F;
  return 1.0F - math::exp(-2.0F * among_others * rate * (root - slowed));
}

/// The state of optimizers that have one lane: nothing to mix.
struct OneLane {
  static constexpr std::size_t experts = 1;
  static constexpr float mix(const std::array<float, 1>& margins) noexcept { return margins[0]; }
  static constexpr std::array<float, 1> shares() noexcept { return {1.0F}; }
  static constexpr void start(float /*y*/) noexcept {}
  template <class Loss, class Optimizer>
  static constexpr void learn(const Loss& /*loss*/, const LinearExample<1>& /*example*/, const Optimizer& /*optimizer*/) noexcept {}
  static constexpr float dispersion() noexcept { return 1.0F; }
  static constexpr void merge(const OneLane& /*other*/) noexcept {}

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& /*ar*/) {}
};

/// How large the examples were, in units of their features' largest values: N and t of normalized online learning (nag.hpp).
class RelativeSizes : public OneLane {
 public:
  /// One more example of `norm`, the sum of its (z / largest)^2; returns the ratio.
  float count(float norm, float weight) noexcept {
    examples_ += static_cast<double>(weight);
    norms_ += static_cast<double>(weight) * static_cast<double>(norm);
    return ratio();
  }

  /// t / N
  float ratio() const noexcept { return norms_ > 0.0 ? static_cast<float>(examples_ / norms_) : 0.0F; }

  void merge(const RelativeSizes& other) noexcept {
    examples_ += other.examples_;
    norms_ += other.norms_;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.examples_, self.norms_);
    ar.check(is_finite(self.examples_) && self.examples_ >= 0.0 && is_finite(self.norms_) && self.norms_ >= 0.0, "size of the examples");
  }

 private:
  double examples_ = 0.0;
  double norms_ = 0.0;
};

template <class Optimizer>
Optimizer adapted(const Optimizer& optimizer, const typename Optimizer::State& state) noexcept {
  if constexpr (requires { optimizer.adapted(state); }) {
    return optimizer.adapted(state);
  } else {
    return optimizer;
  }
}

struct OneStep {
  float step = 0.0F;
};

template <class Loss, class Optimizer>
constexpr bool suit() noexcept {
  if constexpr (requires { Optimizer::template suits<Loss>; }) {
    return Optimizer::template suits<Loss>;
  } else {
    return true;
  }
}

template <class Optimizer>
constexpr bool scales_hashed() noexcept {
  if constexpr (requires { Optimizer::scales_hashed; }) {
    return Optimizer::scales_hashed;
  } else {
    return false;
  }
}

/// The pairs of a loss and an optimizer that make sense.
template <class Loss, class Optimizer>
concept Suits = suit<Loss, Optimizer>();

/// @throws ConfigError when there are penalties that the optimizer would not heed.
template <class Optimizer>
void require_penalties(const Penalty& penalty) {
  if constexpr (requires { Optimizer::unpenalised; }) {
    require("Linear", "l1", penalty.l1, penalty.l1 == 0.0F, std::string("0 under ") + std::string(Optimizer::name));
    require("Linear", "l2", penalty.l2, penalty.l2 == 0.0F, std::string("0 under ") + std::string(Optimizer::name));
  }
}

}  // namespace rtml::detail
