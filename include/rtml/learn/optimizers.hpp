#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/branchless.hpp"

namespace rtml {

// An optimizer is what `Linear` does to one weight, told in the weight's own words: a cell of `fields` floats, whose first `lanes` are
// weights (of as many linear models that learn side by side). An example runs over its cells twice:
//
//   accumulate(cell, z, energy)                 counts the squared gradient `energy` z^2,
//   rates(cell, dispersion)                     are the weight's own rates; pull = rate z for each,
//   square(cell, z)                             is what z counts for in the example's size: z^2, or by its own scale,
//   plan(loss, example, sensitivity, penalty, state)  decides how far each lane moves, once an example,
//   apply(cell, z, pull, plan, penalised)       moves the weights,
//   sound(cell)                                 says whether a cell that was read from a file can be one of its own.
//
// z is the feature's value, over its column's scale unless the optimizer `scales_itself`. Steps are in the label's unit (losses.hpp), so that they need no tuning to its size.

namespace detail {

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
  float plain = 0.0F;                   ///< of square

  void add(const std::array<float, Rates>& rates, float z, float square) noexcept {
    for (std::size_t r = 0; r < Rates; ++r) adaptive[r] += rates[r] * z * z;
    plain += square;
  }
};

/// One weight's rates times its value.
template <std::size_t Rates>
constexpr std::array<float, Rates> times(std::array<float, Rates> rates, float z) noexcept {
  for (float& rate : rates) rate *= z;
  return rates;
}

inline constexpr float largest_weight = 1e30F;  // far above what any scale of usable inputs asks for, and its square is still finite
inline constexpr float largest_energy = 1e30F;

inline float clamp_weight(float w) noexcept { return cut(w, largest_weight); }
inline bool sound_weight(float w) noexcept { return is_finite(w) && magnitude(w) <= largest_weight; }
inline bool sound_energy(float sum) noexcept { return sum >= 0.0F && sum <= largest_energy; }
inline float clamp_energy(float sum) noexcept { return smaller(sum, largest_energy); }

/// The state of optimizers that have one lane: nothing to mix.
struct OneLane {
  static constexpr float mix(const std::array<float, 1>& margins) noexcept { return margins[0]; }
  static constexpr std::array<float, 1> shares() noexcept { return {1.0F}; }
  template <class Optimizer>
  static constexpr void learn(const LinearExample<1>& /*example*/, const Optimizer& /*optimizer*/) noexcept {}
  static constexpr float dispersion() noexcept { return 1.0F; }

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& /*ar*/) {}
};

struct OneStep {
  float step = 0.0F;
};

struct Penalty {
  float l1 = 0.0F;
  float l2 = 0.0F;
};

}  // namespace detail

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
  static constexpr std::size_t rate_count = 1;
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
  static constexpr std::array<float, 1> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {1.0F}; }

  static constexpr float square(const std::array<float, fields>& /*cell*/, float z) noexcept { return z * z; }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<1>& s,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    return {example.unit * loss.flow(example.margins[0], example.y, options_.rate * example.weight * s.adaptive[0]) / s.adaptive[0]};
  }

  static void apply(std::array<float, fields>& cell, float z, const std::array<float, 1>& /*pull*/, const Plan& plan,
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

  float penalty_rate() const noexcept { return options_.rate; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_energy(cell[1]);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }

  static void accumulate(std::array<float, fields>& cell, float z, float energy) noexcept {
    cell[1] = detail::clamp_energy(cell[1] + energy * (z * z));
  }
  std::array<float, 1> rates(const std::array<float, fields>& cell, float /*dispersion*/) const noexcept {
    return {1.0F / (options_.beta + detail::square_root(cell[1]))};
  }

  static constexpr float square(const std::array<float, fields>& /*cell*/, float z) noexcept { return z * z; }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<1>& s,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    return {example.unit * loss.flow(example.margins[0], example.y, options_.rate * example.weight * s.adaptive[0]) / s.adaptive[0]};
  }

  static void apply(std::array<float, fields>& cell, float /*z*/, const std::array<float, 1>& pull, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * pull[0]);
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
  static constexpr std::size_t rate_count = 1;
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

  float penalty_rate() const noexcept { return 0.0F; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_weight(cell[1]) && detail::sound_energy(cell[2]) && detail::sound_energy(cell[3]);
  }

  void start(std::array<float, fields>& cell, float value) const noexcept {
    cell = {value, -value * (options_.beta / options_.alpha), 0.0F, 0.0F};
  }

  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 1> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {1.0F}; }

  static constexpr float square(const std::array<float, fields>& /*cell*/, float z) noexcept { return z * z; }

  template <class Loss>
  Plan plan(const Loss& /*loss*/, const detail::LinearExample<lanes>& example, const detail::Sensitivity<1>& /*s*/,
            const detail::Penalty& penalty, State& /*state*/) const noexcept {
    return {std::clamp(example.gradient * example.weight, -1e6F, 1e6F), example.unit, penalty};
  }

  void apply(std::array<float, fields>& cell, float z, const std::array<float, 1>& /*pull*/, const Plan& plan,
             bool penalised) const noexcept {
    auto& [weight, total, n, root] = cell;
    const float g = detail::cut(plan.gradient * z, 1e12F);
    n = detail::clamp_energy(n + g * g);
    const float next = detail::square_root(n);
    total = detail::clamp_weight(total + plan.unit * g - (next - root) / options_.alpha * weight);
    root = next;
    const detail::Penalty penalty = penalised ? plan.penalty : detail::Penalty{};
    const float beyond = total - detail::cut(total, plan.unit * penalty.l1);  // soft threshold
    weight = detail::clamp_weight(-beyond / (penalty.l2 + (options_.beta + root) / options_.alpha));
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

}  // namespace rtml
