#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/math.hpp"
#include "rtml/core/task.hpp"

namespace rtml {

// A loss says three things of a margin m (the linear sum) and a label y:
//  - predict(m):        what the learner answers,
//  - gradient(m, y):    dL/dm,
//  - flow(m, y, time):  how far m moves when it follows -dL/dm for that long. A step of it never passes the minimum, and two steps are
//    one of twice the time, which is what makes an importance weight of 2 equal the same example twice.
// Source of the flow: N. Karampatziakis, J. Langford, "Online importance weight aware updates", UAI 2011, table 1.
//
// A loss that is `kinked` falls at a constant slope to a kink, beyond which it is 0 or rises again: PassiveAggressive takes those.
// Labels of losses with `scaled` have a unit: learners measure them in multiples of their running deviation; those that are
// `dispersed` suppose nothing of how far a label lies from its prediction. `counts`: a prediction stays
// below a few times the largest label seen, because it grows exponentially with the margin.

namespace detail {

/// For which a margin is followed at most: leads 76 from the furthest one, and of infinity nothing could be computed.
inline constexpr float longest_time = 1e20F;

/// e^x - 1 for x >= 0, without cancellation near 0.
inline float exp_minus_one(float x) noexcept {
  constexpr float sixth = 0.16666667F;
  return x < 0.5F ? x * (1.0F + x * (0.5F + x * (sixth + x * (sixth / 4 + x * (sixth / 20 + x * (sixth / 120)))))) : math::exp(x) - 1.0F;
}

/// 1 - e^-x for x >= 0, without cancellation near 0.
inline float one_minus_exp(float x) noexcept { return x < 1e-2F ? x * (1.0F - x * (0.5F - x * 0.16666667F)) : 1.0F - math::exp(-x); }

}  // namespace detail

/// (m - y)^2 / 2: predicts the mean.
struct Squared {
  static constexpr std::string_view name = "squared";
  static constexpr Task task = Task::regression;
  static constexpr bool scaled = true;
  static constexpr bool dispersed = true;
  static constexpr bool counts = false;
  static constexpr float steepest = 10.0F;        ///< gradients are cut here, in units of the label's deviation: one outlier is one step
  static constexpr float largest_margin = 20.0F;  ///< in the same unit, from the mean label
  static constexpr float fast = 1.0F;             ///< time of flow of MultiRate's fastest learner

  static constexpr bool accepts(float /*y*/) noexcept { return true; }
  static constexpr float predict(float margin) noexcept { return margin; }
  static constexpr float gradient(float margin, float y) noexcept { return std::clamp(margin - y, -steepest, steepest); }
  static float flow(float margin, float y, float time) noexcept { return -gradient(margin, y) * detail::one_minus_exp(time); }

  friend bool operator==(const Squared&, const Squared&) = default;

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& ar) {
    ar.header("Squared", 1);
  }
};

/// ln(1 + e^-m) for y = 1, ln(1 + e^m) for y = 0: predicts P(y = 1).
struct Logistic {
  static constexpr std::string_view name = "logistic";
  static constexpr Task task = Task::binary;
  static constexpr bool scaled = false;
  static constexpr bool counts = false;
  static constexpr float largest_margin = 30.0F;
  static constexpr float fast = 8.0F;

  static constexpr bool accepts(float y) noexcept { return y == 0.0F || y == 1.0F; }
  static float predict(float margin) noexcept { return math::sigmoid(margin); }
  static float gradient(float margin, float y) noexcept { return -towards(y) * math::sigmoid(-towards(y) * margin); }

  /// The positive root d of d + e^q (e^d - 1) = time, where q is the margin towards the label. For a short way, as most are: the root of the
  /// second order, and one of Newton's steps for the orders beyond, to 2e-5. Else four of Newton's from above, to 4e-4.
  static float flow(float margin, float y, float time) noexcept {
    time = std::min(time, detail::longest_time);
    const float e = math::exp(towards(y) * margin);
    const float slope = 1.0F + e;
    float d = time / slope;
    if (d < 0.25F) {
      d = 2.0F * time / (slope + std::sqrt(slope * slope + 2.0F * e * time));
      const float ed = e * d;
      const float square = d * d;
      d -= ed * square * (0.16666667F + d * 0.041666668F + square * 0.0083333333F) / (slope + ed + 0.5F * ed * d);
    } else {
      d = std::min(d, math::log1p(time / e));
      for (int i = 0; i < 4; ++i) {
        const float grown = e * detail::exp_minus_one(d);
        d = std::max(d - (d + grown - time) / (slope + grown), 0.0F);
      }
    }
    return towards(y) * d;
  }

  friend bool operator==(const Logistic&, const Logistic&) = default;

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& ar) {
    ar.header("Logistic", 1);
  }

 private:
  /// 1 or -1: products, not branches that nobody predicts.
  static constexpr float towards(float y) noexcept { return 2.0F * y - 1.0F; }
};

/// max(0, 1 - m) for y = 1, max(0, 1 + m) for y = 0. The prediction is the margin, decided at 0, and no probability: a log loss of it means
/// nothing, and thresholds other than 0 are those of a score. Take Logistic where a probability is needed.
struct Hinge {
  static constexpr std::string_view name = "hinge";
  static constexpr Task task = Task::binary;
  static constexpr bool scaled = false;
  static constexpr bool counts = false;
  static constexpr bool kinked = true;
  static constexpr float largest_margin = 30.0F;
  static constexpr float fast = 1.0F;

  static constexpr bool accepts(float y) noexcept { return y == 0.0F || y == 1.0F; }
  static constexpr float predict(float margin) noexcept { return margin; }
  static constexpr float gradient(float margin, float y) noexcept {
    const float sign = y > 0.5F ? 1.0F : -1.0F;
    return sign * margin < 1.0F ? -sign : 0.0F;
  }
  static constexpr float flow(float margin, float y, float time) noexcept {
    const float sign = y > 0.5F ? 1.0F : -1.0F;
    return sign * std::clamp(1.0F - sign * margin, 0.0F, time);
  }

  friend bool operator==(const Hinge&, const Hinge&) = default;

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& ar) {
    ar.header("Hinge", 1);
  }
};

/// tau (y - m) below the label, (1 - tau) (m - y) above it: predicts the tau-quantile, the median by default.
/// Source: R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46 (1978), 33-50.
class Quantile {
 public:
  static constexpr std::string_view name = "quantile";
  static constexpr Task task = Task::regression;
  static constexpr bool scaled = true;
  static constexpr bool dispersed = false;
  static constexpr bool counts = false;
  static constexpr bool kinked = true;
  static constexpr float largest_margin = 20.0F;
  static constexpr float fast = 1.0F;

  Quantile() = default;

  /// @throws ConfigError unless tau lies in (0, 1).
  explicit Quantile(float tau) : tau_(tau) { require("Quantile", "tau", tau, tau > 0.0F && tau < 1.0F, "in (0, 1)"); }

  float tau() const noexcept { return tau_; }

  static constexpr bool accepts(float /*y*/) noexcept { return true; }
  static constexpr float predict(float margin) noexcept { return margin; }
  constexpr float gradient(float margin, float y) const noexcept { return margin < y ? -tau_ : (margin > y ? 1.0F - tau_ : 0.0F); }
  constexpr float flow(float margin, float y, float time) const noexcept {
    return margin < y ? std::min(y - margin, tau_ * time) : std::max(y - margin, (tau_ - 1.0F) * time);
  }

  friend bool operator==(const Quantile&, const Quantile&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Quantile", 1);
    ar(self.tau_);
    ar.check(self.tau_ > 0.0F && self.tau_ < 1.0F, "tau");
  }

 private:
  float tau_ = 0.5F;
};

/// (m - y)^2 / 2 within delta of the label, delta (|m - y| - delta / 2) beyond: the mean, to which an outlier is no more than `delta`
/// deviations of the label away. The default keeps 95 % of least squares' efficiency under normal errors.
/// Source: P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964), 73-101.
class Huber {
 public:
  static constexpr std::string_view name = "huber";
  static constexpr Task task = Task::regression;
  static constexpr bool scaled = true;
  static constexpr bool dispersed = true;
  static constexpr bool counts = false;
  static constexpr float largest_margin = 20.0F;
  static constexpr float fast = 1.0F;

  Huber() = default;

  /// `delta` in deviations of the label. @throws ConfigError unless it lies in [0.001, 10].
  explicit Huber(float delta) : delta_(delta) { require("Huber", "delta", delta, delta >= 1e-3F && delta <= 10.0F, "in [0.001, 10]"); }

  float delta() const noexcept { return delta_; }

  static constexpr bool accepts(float /*y*/) noexcept { return true; }
  static constexpr float predict(float margin) noexcept { return margin; }
  constexpr float gradient(float margin, float y) const noexcept { return std::clamp(margin - y, -delta_, delta_); }

  /// At the constant speed `delta` down to that distance, then as Squared's.
  float flow(float margin, float y, float time) const noexcept {
    const float away = margin > y ? margin - y : y - margin;
    const float straight = std::max(away - delta_, 0.0F);
    const float distance =
        delta_ * time < straight ? delta_ * time : straight + (away - straight) * detail::one_minus_exp(time - straight / delta_);
    return margin > y ? -distance : distance;
  }

  friend bool operator==(const Huber&, const Huber&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Huber", 1);
    ar(self.delta_);
    ar.check(self.delta_ >= 1e-3F && self.delta_ <= 10.0F, "delta");
  }

 private:
  float delta_ = 1.345F;
};

/// tau (m - y)^2 below the label, (1 - tau) (m - y)^2 above it: predicts the tau-expectile; the mean at 1/2.
/// Source: W. K. Newey, J. L. Powell, "Asymmetric least squares estimation and testing", Econometrica 55 (1987), 819-847.
class Expectile {
 public:
  static constexpr std::string_view name = "expectile";
  static constexpr Task task = Task::regression;
  static constexpr bool scaled = true;
  static constexpr bool dispersed = true;
  static constexpr bool counts = false;
  static constexpr float steepest = 10.0F;  ///< as Squared's
  static constexpr float largest_margin = 20.0F;
  static constexpr float fast = 1.0F;

  Expectile() = default;

  /// @throws ConfigError unless tau lies in (0, 1).
  explicit Expectile(float tau) : tau_(tau) { require("Expectile", "tau", tau, tau > 0.0F && tau < 1.0F, "in (0, 1)"); }

  float tau() const noexcept { return tau_; }

  static constexpr bool accepts(float /*y*/) noexcept { return true; }
  static constexpr float predict(float margin) noexcept { return margin; }
  constexpr float gradient(float margin, float y) const noexcept {
    return 2.0F * side(margin, y) * std::clamp(margin - y, -steepest, steepest);
  }
  float flow(float margin, float y, float time) const noexcept {
    return -std::clamp(margin - y, -steepest, steepest) * detail::one_minus_exp(2.0F * side(margin, y) * time);
  }

  friend bool operator==(const Expectile&, const Expectile&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Expectile", 1);
    ar(self.tau_);
    ar.check(self.tau_ > 0.0F && self.tau_ < 1.0F, "tau");
  }

 private:
  constexpr float side(float margin, float y) const noexcept { return margin < y ? tau_ : 1.0F - tau_; }

  float tau_ = 0.5F;
};

/// e^m - y m: predicts the mean of a count, e^m. Labels are not negative.
struct Poisson {
  static constexpr std::string_view name = "poisson";
  static constexpr Task task = Task::regression;
  static constexpr bool scaled = false;
  static constexpr bool counts = true;
  static constexpr float steepest = 1e3F;  ///< gradients are cut here; the flow is exact for every label
  static constexpr float largest_margin = 40.0F;
  static constexpr float fast = 1.0F;

  static constexpr bool accepts(float y) noexcept { return y >= 0.0F; }
  static float predict(float margin) noexcept { return math::exp(margin); }
  static float gradient(float margin, float y) noexcept { return std::clamp(math::exp(margin) - y, -steepest, steepest); }

  /// Of dm/dt = y - e^m: a logistic equation in e^m.
  static float flow(float margin, float y, float time) noexcept {
    time = std::min(time, detail::longest_time);
    const float mean = math::exp(margin);
    const float reach = y > 1e-6F ? detail::one_minus_exp(y * time) / y : time;
    const float growth = std::min((mean - y) * reach, 1e30F);
    if (growth > -0.5F) return -math::log1p(growth);
    const float left = math::exp(-y * time);  // without the cancellation of 1 + growth
    return -math::log(left + mean / y * (1.0F - left));
  }

  friend bool operator==(const Poisson&, const Poisson&) = default;

  template <class Self, class Ar>
  static void archive(Self& /*self*/, Ar& ar) {
    ar.header("Poisson", 1);
  }
};

}  // namespace rtml
