#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml {

/// Passive where an example costs nothing; else it goes as far as it takes to cost nothing, but no further than its aggressiveness C times
/// the loss's slope. So it takes only losses that end in a kink: Hinge, whose prediction is a margin, decided at 0, and no probability; and
/// Quantile, whose median keeps absolute errors small. L1 and L2 act at the rate C. 4 bytes a weight.
///
/// Under linear slack (PA-I) a step is that of Sgd's flow at the constant rate C, so that over hashed features a weight of 2 is the example
/// twice (nearly so where labels have a scale, which counts an example once). Under squared slack (PA-II) a weight multiplies C, and 2 is a
/// little less than twice.
///
/// Source: K. Crammer, O. Dekel, J. Keshet, S. Shalev-Shwartz, Y. Singer, "Online passive-aggressive algorithms", JMLR 7 (2006), sections 3
/// (classification) and 5 (regression).
class PassiveAggressive {
 public:
  enum class Slack : std::uint8_t {
    linear,   ///< PA-I: a step is cut at C
    squared,  ///< PA-II: a step is shorter the longer it is
  };

  struct Options {
    float aggressiveness = 0.03F;  ///< C in the paper, > 0
    Slack slack = Slack::linear;
  };

  static constexpr std::string_view name = "passive_aggressive";
  static constexpr std::size_t fields = 1;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t rate_count = 0;
  static constexpr bool penalises_itself = false;
  static constexpr bool scales_itself = false;
  template <class Loss>
  static constexpr bool suits = requires {
    requires Loss::kinked;
  };
  using State = detail::OneLane;
  using Plan = detail::OneStep;

  PassiveAggressive() : PassiveAggressive(Options{}) {}

  /// @throws ConfigError unless the aggressiveness lies in (0, 1e6].
  explicit PassiveAggressive(const Options& options) : options_(options) {
    require("PassiveAggressive", "aggressiveness", options.aggressiveness, options.aggressiveness > 0.0F && options.aggressiveness <= 1e6F,
            "in (0, 1e6]");
  }

  const Options& options() const noexcept { return options_; }
  float penalty_rate(const State& /*state*/) const noexcept { return options_.aggressiveness; }

  static bool sound(const std::array<float, fields>& cell) noexcept { return detail::sound_weight(cell[0]); }
  static constexpr void start(std::array<float, fields>& cell, float value) noexcept { cell[0] = value; }
  static constexpr void accumulate(std::array<float, fields>& /*cell*/, float /*z*/, float /*energy*/) noexcept {}
  static constexpr std::array<float, 0> rates(const std::array<float, fields>& /*cell*/, float /*dispersion*/) noexcept { return {}; }

  template <class Loss>
  Plan plan(const Loss& loss, const detail::LinearExample<lanes>& example, const detail::Sensitivity<0>& s,
            const detail::Penalty& /*penalty*/, State& /*state*/) const noexcept {
    const float c = options_.aggressiveness * example.weight;
    if (options_.slack == Slack::linear) return {example.unit * loss.flow(example.margins[0], example.y, c * s.plain) / s.plain};
    if (example.gradient == 0.0F) return {};
    const float to_kink = loss.flow(example.margins[0], example.y, endless);
    return {example.unit * to_kink / (s.plain + 0.5F / (c * example.gradient * example.gradient))};
  }

  static void apply(std::array<float, fields>& cell, float z, const std::array<float, 0>& /*pulls*/, const Plan& plan,
                    bool /*penalised*/) noexcept {
    cell[0] = detail::clamp_weight(cell[0] + plan.step * z);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PassiveAggressive", 1);
    auto& o = self.options_;
    ar(o.aggressiveness, o.slack);
    ar.check(o.aggressiveness > 0.0F && o.aggressiveness <= 1e6F, "aggressiveness");
    ar.check(o.slack == Slack::linear || o.slack == Slack::squared, "slack");
  }

 private:
  static constexpr float endless = 1e30F;  // time of flow

  Options options_;
};

namespace detail {
RTML_COMPILED_KERNELS(PassiveAggressive)
}

}  // namespace rtml
