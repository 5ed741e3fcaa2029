#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/learn/detail/mixture.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// The default optimizer: three linear models in one record a weight, mixed by how they do. The rates of the first fall as 1/n, as those of
/// a posterior do: best for what stays as it is. Those of the second fall as 1/sqrt(n) (AdaGrad): never far off, whatever comes. The third
/// moves at a constant rate along the example (normalised least mean squares): for what drifts. A fourth knows no features, and follows the label's mean over a thousand examples: where features tell
/// little, the others are drawn towards it, and are not worse than the mean label. The mixture is convex, so the margin lies between
/// theirs, and linear, so it can be explained. Nothing needs tuning. 16 bytes a weight.
///
/// One sum of squared gradients serves the first two: it grows with each example by z^2 p (1 - p) on average, the information that a
/// posterior's precision gains. Where the loss supposes no scale of errors, `dispersion` gives it.
///
/// Sources: S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10 (1998), section 2 (1/n, diagonal here);
/// H. B. McMahan, M. Streeter, "Adaptive bound optimization", COLT 2010 (1/sqrt(n)); J. Kivinen, M. K. Warmuth, "Exponentiated gradient
/// versus gradient descent", Information and Computation 132 (1997), section 5 (the mixture).
class MultiRate {
 public:
  struct Options {
    float prior = 0.15F;  ///< variance that the first expects of a weight, >= 1e-6; of examples of many features, what `reach` leaves
    float reach = 4.65F;  ///< variance that it expects of a margin, over the features of a mean example, >= 1e-6
    float bold = 0.3F;    ///< AdaGrad's rate of the second, > 0
    float fast = 0.0F;    ///< constant rate of the third, >= 0; 0 = what suits the loss (`Loss::fast`)
    float mixing = 1.0F;  ///< how quickly the mixture follows, > 0
  };

  static constexpr std::string_view name = "multirate";
  static constexpr std::size_t fields = 4;  // three weights, sum of squared gradients of the mixture
  static constexpr std::size_t lanes = 3;
  static constexpr std::size_t experts = lanes + 1;  // and the margin without features
  static constexpr std::size_t rate_count = 2;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;
  static constexpr bool scales_hashed = true;

  struct Plan {
    std::array<float, lanes> step{};
  };

  /// How large the examples are: the mean sum of their squared values, over the last thousand.
  class ExampleSize {
   public:
    void count(float square) noexcept {
      counted_ = std::min(counted_ + 1.0F, longest);
      square_ += (std::min(square, detail::largest_energy) - square_) / counted_;
    }

    /// What the first expects of a weight: many features share what a margin can be.
    float prior(const Options& options) const noexcept { return std::min(options.prior, options.reach / std::max(square_, 1.0F)); }

    void merge(const ExampleSize& other) noexcept {
      square_ = mean_of(square_, counted_, other.square_, other.counted_);
      counted_ = std::min(counted_ + other.counted_, longest);
    }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.counted_, self.square_);
      ar.check(self.counted_ >= 0.0F && self.counted_ <= longest, "count of examples");
      ar.check(detail::sound_energy(self.square_), "size of the examples");
    }

   private:
    float counted_ = 0.0F;
    float square_ = 0.0F;
  };

  /// What a model has once.
  class State {
   public:
    static constexpr std::size_t experts = MultiRate::experts;

    float mix(const std::array<float, experts>& margins) const noexcept { return mixture_.mix(margins); }
    const std::array<float, experts>& shares() const noexcept { return mixture_.shares(); }

    /// The margin of the expert that knows no features, in the label's own measure.
    float base() const noexcept { return base_; }

    /// The mean square of the gradient, lately: of squared errors, what is left of the label's variance.
    float dispersion() const noexcept { return dispersion_; }

    const ExampleSize& size() const noexcept { return size_; }
    void count(float square) noexcept { size_.count(square); }

    void start(float y) noexcept {
      base_ = y;
      base_energy_ = 0.0F;
    }

    template <class Loss>
    void learn(const Loss& loss, const detail::LinearExample<experts>& example, const MultiRate& optimizer) noexcept {
      const float g = std::clamp(example.gradient, -10.0F, 10.0F);
      std::array<float, experts> slope{};
      for (std::size_t k = 0; k < experts; ++k) slope[k] = g * (example.margins[k] - example.margin);
      mixture_.learn(slope, example.weight, optimizer.options_.mixing);

      const float base = example.margins[lanes];
      const float steep = loss.gradient(base, example.y);
      base_energy_ =
          detail::clamp_energy(base_energy_ * (1.0F - 1.0F / longest) + std::min(example.weight * steep * steep, detail::largest_energy));
      const float rate = optimizer.settling(base_energy_, example.dispersion);
      base_ = detail::clamp_weight(base_ + example.unit * loss.flow(base, example.y, example.weight * rate));

      seen_ = std::min(seen_ + 1.0F, longest);
      dispersion_ = std::max(dispersion_ + (g * g - dispersion_) / seen_, least);
    }

    void merge(const State& other) noexcept {
      mixture_.merge(other.mixture_);
      base_ = mean_of(base_, base_energy_, other.base_, other.base_energy_);
      base_energy_ = detail::clamp_energy(base_energy_ + other.base_energy_);
      dispersion_ = mean_of(dispersion_, seen_, other.dispersion_, other.seen_);
      seen_ = std::min(seen_ + other.seen_, longest);
      size_.merge(other.size_);
    }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.mixture_, self.base_, self.base_energy_, self.seen_, self.dispersion_, self.size_);
      ar.check(detail::sound_weight(self.base_) && detail::sound_energy(self.base_energy_), "margin without features");
      ar.check(self.seen_ >= 1.0F && self.seen_ <= longest, "count of gradients");
      ar.check(self.dispersion_ >= least && self.dispersion_ <= 100.0F, "dispersion");
    }

   private:
    static constexpr float least = 1e-4F;

    detail::Mixture<experts> mixture_;
    float base_ = 0.0F;
    float base_energy_ = 0.0F;  // its sum of squared gradients, of the last thousand most
    float seen_ = 10.0F;        // so many gradients of mean square 1 stand for none
    float dispersion_ = 1.0F;
    ExampleSize size_;
  };

  MultiRate() : MultiRate(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit MultiRate(const Options& options) : options_(options) {
    require("MultiRate", "prior", options.prior, options.prior >= 1e-6F && options.prior <= 1e6F, "in [1e-6, 1e6]");
    require("MultiRate", "reach", options.reach, options.reach >= 1e-6F && options.reach <= 1e6F, "in [1e-6, 1e6]");
    require("MultiRate", "bold", options.bold, options.bold > 0.0F && options.bold <= 1e6F, "in (0, 1e6]");
    require("MultiRate", "fast", options.fast, options.fast >= 0.0F && options.fast <= 1e6F, "in [0, 1e6]");
    require("MultiRate", "mixing", options.mixing, options.mixing > 0.0F && options.mixing <= 1e3F, "in (0, 1e3]");
  }

  const Options& options() const noexcept { return options_; }
  float penalty_rate(const State& /*state*/) const noexcept { return options_.bold; }

  static bool sound(const std::array<float, fields>& cell) noexcept {
    return detail::sound_weight(cell[0]) && detail::sound_weight(cell[1]) && detail::sound_weight(cell[2]) && detail::sound_energy(cell[3]);
  }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell = {value, value, value, 0.0F}; }

  /// As it is after examples of such a size.
  MultiRate adapted(const ExampleSize& size) const noexcept {
    MultiRate now = *this;
    now.options_.prior = size.prior(options_);
    return now;
  }
  MultiRate adapted(const State& state) const noexcept { return adapted(state.size()); }

  static void accumulate(std::array<float, fields>& cell, float z, float energy) noexcept {
    cell[3] = detail::clamp_energy(cell[3] + energy * (z * z));
  }
  std::array<float, rate_count> rates(const std::array<float, fields>& cell, float dispersion) const noexcept {
    return {settling(cell[3], dispersion), 1.0F / (1.0F + std::sqrt(cell[3]))};
  }

  /// The rate that falls as 1/n.
  float settling(float energy, float dispersion) const noexcept { return dispersion / (dispersion * dispersion / options_.prior + energy); }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<experts>& example, const detail::Sensitivity<rate_count>& s,
            const detail::Penalty& /*penalty*/, State& state) const noexcept {
    state.count(s.plain);
    const auto& m = example.margins;
    const float fast = options_.fast > 0.0F ? options_.fast : Loss::fast;
    return {{example.unit * loss.flow(m[0], example.y, example.weight * s.adaptive[0]) / s.adaptive[0],
             example.unit * loss.flow(m[1], example.y, options_.bold * example.weight * s.adaptive[1]) / s.adaptive[1],
             example.unit * loss.flow(m[2], example.y, fast * example.weight) / s.plain}};
  }

  static void apply(std::array<float, fields>& cell, float z, const std::array<float, rate_count>& pull, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step[0] * pull[0]);
    cell[1] = detail::clamp_weight(cell[1] + plan.step[1] * pull[1]);
    cell[2] = detail::clamp_weight(cell[2] + plan.step[2] * z);
  }

  static float energy(const std::array<float, fields>& cell) noexcept { return cell[3]; }
  static void place(std::array<float, fields>& cell, std::size_t lane, float weight) noexcept { cell[lane] = weight; }

  void merge(std::array<float, fields>& mine, const std::array<float, fields>& theirs, float /*unit*/, const detail::Penalty& /*penalty*/,
             const State& /*state*/) const noexcept {
    const auto join = [&](std::size_t k, auto reached) { mine[k] = detail::joined(mine[k], mine[3], theirs[k], theirs[3], reached); };
    join(0, [&](float energy) { return detail::reached_by_counts(1.0F / options_.prior, energy); });
    join(1, [&](float energy) { return detail::reached_by_roots(options_.bold, 1.0F, energy); });
    join(2, [](float /*energy*/) { return 1.0F; });
    mine[3] = detail::clamp_energy(mine[3] + theirs[3]);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("MultiRate", 1);
    auto& o = self.options_;
    ar(o.prior, o.reach, o.bold, o.fast, o.mixing);
    ar.check(o.prior >= 1e-6F && o.prior <= 1e6F && o.reach >= 1e-6F && o.reach <= 1e6F && o.bold > 0.0F && o.bold <= 1e6F, "rates");
    ar.check(o.fast >= 0.0F && o.fast <= 1e6F && o.mixing > 0.0F && o.mixing <= 1e3F, "mixing");
  }

 private:
  static constexpr float longest = 1000.0F;  // examples over which is averaged

  static float mean_of(float mine, float my_weight, float theirs, float their_weight) noexcept {
    return detail::joined(mine, my_weight, theirs, their_weight, [](float /*weight*/) { return 1.0F; });
  }

  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(MultiRate)
}

}  // namespace rtml
