// The algorithm of Linear in double precision, one line after the other, as slow as it is plain: what the real one is held to.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "rtml/learn/linear.hpp"
#include "rtml/learn/optimizers.hpp"

namespace rtml::testing {

/// How far a margin flows down a loss in `time`: the same question as Loss::flow, answered by bisection on the exact time it takes.
inline double plain_flow(const Squared& /*loss*/, double m, double y, double time) {
  return std::clamp(y - m, -10.0, 10.0) * (1.0 - std::exp(-time));
}
inline double plain_flow(const Logistic& /*loss*/, double m, double y, double time) {
  const double sign = y > 0.5 ? 1.0 : -1.0;
  const double e = std::exp(sign * m);
  double low = 0.0;
  double high = time;
  for (int i = 0; i < 200; ++i) {
    const double d = 0.5 * (low + high);
    (d + e * std::expm1(d) < time ? low : high) = d;
  }
  return sign * low;
}
inline double plain_flow(const Hinge& /*loss*/, double m, double y, double time) {
  const double sign = y > 0.5 ? 1.0 : -1.0;
  return sign * m >= 1.0 ? 0.0 : sign * std::min(time, 1.0 - sign * m);
}
inline double plain_flow(const Quantile& loss, double m, double y, double time) {
  const double tau = static_cast<double>(loss.tau());
  return m < y ? std::min(y - m, tau * time) : -std::min(m - y, (1.0 - tau) * time);
}
inline double plain_flow(const Huber& loss, double m, double y, double time) {
  const double delta = static_cast<double>(loss.delta());
  const double away = std::abs(y - m);
  const double straight = std::max(0.0, away - delta);
  const double left = time - straight / delta;
  return std::copysign(left <= 0.0 ? delta * time : straight + (away - straight) * (1.0 - std::exp(-left)), y - m);
}
inline double plain_flow(const Expectile& loss, double m, double y, double time) {
  const double tau = static_cast<double>(loss.tau());
  return std::clamp(y - m, -10.0, 10.0) * (1.0 - std::exp(-2.0 * (m < y ? tau : 1.0 - tau) * time));
}
inline double plain_flow(const Poisson& /*loss*/, double m, double y, double time) {
  if (y == 0.0) return -std::log1p(std::exp(m) * time);
  const double ratio = std::exp(m) / y;
  return -std::log(std::exp(-y * time) + ratio * (1.0 - std::exp(-y * time)));
}

inline double plain_gradient(const Squared& /*loss*/, double m, double y) { return std::clamp(m - y, -10.0, 10.0); }
inline double plain_gradient(const Logistic& /*loss*/, double m, double y) { return 1.0 / (1.0 + std::exp(-m)) - y; }
inline double plain_gradient(const Hinge& /*loss*/, double m, double y) {
  const double sign = y > 0.5 ? 1.0 : -1.0;
  return sign * m < 1.0 ? -sign : 0.0;
}
inline double plain_gradient(const Quantile& loss, double m, double y) {
  const double tau = static_cast<double>(loss.tau());
  return m < y ? -tau : (m > y ? 1.0 - tau : 0.0);
}
inline double plain_gradient(const Huber& loss, double m, double y) {
  const double delta = static_cast<double>(loss.delta());
  return std::clamp(m - y, -delta, delta);
}
inline double plain_gradient(const Expectile& loss, double m, double y) {
  const double tau = static_cast<double>(loss.tau());
  return 2.0 * (m < y ? tau : 1.0 - tau) * std::clamp(m - y, -10.0, 10.0);
}
inline double plain_gradient(const Poisson& /*loss*/, double m, double y) { return std::clamp(std::exp(m) - y, -1e3, 1e3); }

/// See Linear. Penalties are worked into every weight after every example.
template <class Loss, class Optimizer>
class PlainLinear {
 public:
  struct Weight {
    std::array<double, 3> w{};  // of the lanes
    double g2 = 0.0;            // sum of squared gradients; FTRL: n
    double z = 0.0;             // FTRL
    double scale = 0.0;         // of hashed values that are not 1
    double count = 0.0;
    double largest = 0.0;  // NAG, coin betting
    double m = 0.0;        // Adam, as the next two
    double v = 0.0;
    int t = 0;
    double origin = 0.0;  // coin betting, as the rest
    double theta = 0.0;   // sum of negative gradients
    double sum = 0.0;     // of their magnitudes
    double steepest = 0.0;
    double wealth = 0.0;
  };

  explicit PlainLinear(std::size_t d, unsigned bits, Loss loss = {}, Optimizer optimizer = {}, double l1 = 0.0, double l2 = 0.0)
      : loss_(loss), optimizer_(optimizer), mask_((1U << bits) - 1U), l1_(l1), l2_(l2), dense_(d), scale_(d, 0.0), count_(d, 0.0) {
    if (!three) share_ = {1.0, 0.0, 0.0, 0.0};
  }

  double margin(Features x) const { return mixture(margins(x)); }

  const Weight& hashed(std::uint32_t index) { return hashed_[index & mask_]; }
  const Weight& dense(std::size_t j) const { return dense_[j]; }

  void learn(Features x, double y, double h) {
    auto m = margins(x);
    double unit = 1.0;
    if constexpr (Loss::scaled) {
      if (labels_.empty()) start(y);
      if (observe_label(y)) return start(mean_);
      if (deviation_ <= 0.0) return;
      unit = deviation_;
      for (double& value : m) value = (value - mean_) / unit;
      y = (y - mean_) / unit;
    }
    if constexpr (Loss::counts) {
      largest_ = std::max(largest_, y);
      labels_.push_back(y);
      if (labels_.size() == 1) return start(std::log(std::max(y, 1.0)));
    }
    const double mixed = mixture(m);
    const double g = plain_gradient(loss_, mixed, y);

    // The example as one list of (weight, value), dense columns by their scaled value.
    std::vector<double> before(dense_.size());
    std::vector<Weight*> weights;
    std::vector<double> values;
    for (std::size_t j = 0; j < dense_.size(); ++j) {
      before[j] = scale_[j];
      const double z = scaled(j, static_cast<double>(x.dense[j]));
      if (!raw)
        for (double& w : dense_[j].w) w *= before[j];
      weights.push_back(&dense_[j]);
      values.push_back(z);
    }
    std::map<std::uint32_t, double> sums;
    for (const SparseFeature& feature : x.sparse) sums[feature.index & mask_] += static_cast<double>(feature.value);
    for (const SparseFeature& feature : x.sparse) hashed_scales_ = hashed_scales_ || (three && std::abs(feature.value) != 1.0F);
    for (const auto& [index, value] : sums) {
      Weight& weight = hashed_[index];
      weights.push_back(&weight);
      values.push_back(hashed_scales_ ? scaled(weight, value) : value);
    }
    weights.push_back(&intercept_);
    values.push_back(1.0);

    step(weights, values, m, g, y, h, unit);
    if (hashed_scales_)
      for (const auto& [index, value] : sums)
        for (double& w : hashed_[index].w) w /= scale_of(hashed_[index]);
    for (std::size_t j = 0; j < dense_.size(); ++j)
      for (double& w : dense_[j].w) w = raw ? w : (scale_[j] > 0.0 ? w / scale_[j] : 0.0);
    if (three) {
      settle_base(m[3], y, h, unit);
      mix(m, mixed, g, h);
    }
    penalise(h, unit);
    seen_weight_ += h;
  }

 private:
  static constexpr bool three = std::same_as<Optimizer, MultiRate>;
  static constexpr bool ftrl = std::same_as<Optimizer, FtrlProximal>;
  static constexpr bool nag = std::same_as<Optimizer, Nag>;
  static constexpr bool sgd = std::same_as<Optimizer, Sgd>;
  static constexpr bool adam = std::same_as<Optimizer, Adam>;
  static constexpr bool coin = std::same_as<Optimizer, CoinBetting>;
  static constexpr bool aggressive = std::same_as<Optimizer, PassiveAggressive>;
  static constexpr bool raw = nag || coin;  // values as they come

  static constexpr bool dispersed() {
    if constexpr (Loss::scaled) return Loss::dispersed;
    return false;
  }

  double mixture(const std::array<double, 4>& m) const { return share_[0] * m[0] + share_[1] * m[1] + share_[2] * m[2] + share_[3] * m[3]; }

  std::array<double, 4> margins(Features x) const {
    std::array<double, 4> m = {intercept_.w[0], intercept_.w[1], intercept_.w[2], base_};
    for (std::size_t k = 0; k < 4; ++k) {
      for (std::size_t j = 0; j < dense_.size() && k < 3; ++j)
        if (!std::isnan(x.dense[j])) m[k] += dense_[j].w[k] * within(j, static_cast<double>(x.dense[j]));
      for (const SparseFeature& feature : x.sparse) {
        const auto at = hashed_.find(feature.index & mask_);
        if (at != hashed_.end() && k < 3) m[k] += at->second.w[k] * within(at->second, static_cast<double>(feature.value));
      }
      double reach = static_cast<double>(Loss::largest_margin);
      if constexpr (Loss::scaled) {
        m[k] = std::clamp(m[k], mean_ - reach * deviation_, mean_ + reach * deviation_);
      } else {
        m[k] = std::clamp(m[k], -reach, Loss::counts ? std::min(reach, std::log1p(largest_) + 1.0) : reach);
      }
    }
    return m;
  }

  void start(double y) {
    intercept_ = {};
    intercept_.w = {y, y, y};
    if (ftrl) intercept_.z = -y * (1.0 / 0.2);
    intercept_.origin = y;
    base_ = y;
    base_g2_ = 0.0;
  }

  /// True when one of the first eight is far from the others.
  bool observe_label(double y) {
    labels_.push_back(y);
    double f = std::max(1.0 / static_cast<double>(labels_.size()), 1e-5);
    if (labels_.size() <= 8) {
      const double middle = median(labels_);
      std::vector<double> apart;
      for (const double label : labels_) apart.push_back(std::abs(label - middle));
      const double reach = median(apart) > 0.0 ? 8.0 * 1.4826 * median(apart) : 1e300;
      bool far = false;
      double sum = 0.0;
      double squares = 0.0;
      for (const double label : labels_) {
        far = far || std::abs(label - middle) > reach;
        const double away = std::clamp(label - middle, -reach, reach);
        sum += away * f;
        squares += away * away * f;
      }
      mean_ = middle + sum;
      variance_ = squares - sum * sum;
      deviation_ = labels_.size() > 2 ? std::sqrt(std::max(variance_, 0.0)) : 0.0;
      return far;
    }
    double away = y - mean_;
    const bool beyond = deviation_ > 0.0 && std::abs(away) > 10.0 * deviation_;
    pressure_ = beyond ? std::min(pressure_ + 1.0, 200.0) : std::max(pressure_ - 0.1, 0.0);
    const double limit = deviation_ * (pressure_ > 100.0 ? std::max(10.0, std::sqrt(0.1 / f)) : 10.0);
    if (beyond) away = std::copysign(std::min(limit, std::abs(away)), away);
    variance_ += ((1.0 - f) * away * away - variance_) * f;
    mean_ += away * f;
    deviation_ = std::sqrt(variance_);
    return false;
  }

  static double median(std::vector<double> some) {
    std::sort(some.begin(), some.end());
    return 0.5 * (some[(some.size() - 1) / 2] + some[some.size() / 2]);
  }

  /// The margin without features follows the loss at a rate of 1/n.
  void settle_base(double m, double y, double h, double unit) {
    const double g = plain_gradient(loss_, m, y);
    base_g2_ = base_g2_ * (1.0 - 1.0 / 1000.0) + h * g * g;
    const double phi = dispersed() ? dispersion_ : 1.0;
    base_ += unit * plain_flow(loss_, m, y, h * phi / (phi * phi / static_cast<double>(0.15F) + base_g2_));
  }

  /// A value counts for no more than seven times its column's scale.
  double within(std::size_t j, double x) const { return raw ? x : std::clamp(x, -7.0 * scale_[j], 7.0 * scale_[j]); }

  // Under MultiRate hashed values are scaled, each by its own weight's scale, once one came that is not 1.
  static double scale_of(const Weight& weight) { return weight.scale > 0.0 ? weight.scale : 1.0; }
  double within(const Weight& weight, double x) const {
    return hashed_scales_ ? std::clamp(x, -7.0 * scale_of(weight), 7.0 * scale_of(weight)) : x;
  }
  /// Counts a value; the weight is left in terms of the scale before.
  static double scaled(Weight& weight, double x) {
    for (double& w : weight.w) w *= scale_of(weight);
    return scaled(weight.scale, weight.count, x);
  }

  double scaled(std::size_t j, double x) {
    if (std::isnan(x)) return 0.0;
    return raw ? x : scaled(scale_[j], count_[j], x);
  }

  static double scaled(double& scale, double& count, double x) {
    if (x == 0.0) return 0.0;
    count = std::min(count + 1.0, 1000.0);
    const double size = scale > 0.0 ? std::min(std::abs(x), 7.0 * scale) : std::abs(x);
    scale = std::sqrt(scale * scale + (size * size - scale * scale) / count);
    return std::clamp(x / scale, -7.0, 7.0);
  }

  void step(const std::vector<Weight*>& weights, const std::vector<double>& values, const std::array<double, 4>& m, double g, double y,
            double h, double unit) {
    if (ftrl) return ftrl_step(weights, values, g * h, unit);
    if (nag) return nag_step(weights, values, m[0], g, y, h, unit);
    if constexpr (adam) return adam_step(weights, values, g * h, unit);
    if constexpr (coin) return coin_step(weights, values, g * h, h, unit);
    if constexpr (aggressive) return aggressive_step(weights, values, m[0], y, h, unit);
    const bool adaptive = !sgd;
    double pulled = 0.0;   // sum of rate z^2
    double settled = 0.0;  // sum of settling z^2
    double plain = 0.0;    // sum of z^2
    std::vector<double> rate(values.size(), 1.0);
    std::vector<double> settling(values.size(), 1.0);  // rates that fall as 1/n
    const double phi = dispersed() ? dispersion_ : 1.0;
    const double prior = std::min(static_cast<double>(0.15F), static_cast<double>(4.65F) / std::max(square_, 1.0));
    for (std::size_t i = 0; i < values.size(); ++i) {
      weights[i]->g2 += h * g * g * values[i] * values[i];
      if (adaptive) rate[i] = 1.0 / (1.0 + std::sqrt(weights[i]->g2));
      if (three) settling[i] = phi / (phi * phi / prior + weights[i]->g2);
      pulled += rate[i] * values[i] * values[i];
      settled += settling[i] * values[i] * values[i];
      plain += values[i] * values[i];
    }
    if (three) {
      counted_ = std::min(counted_ + 1.0, 1000.0);
      square_ += (plain - square_) / counted_;
      const double settle = plain_flow(loss_, m[0], y, h * settled) / settled;
      const double bold = plain_flow(loss_, m[1], y, static_cast<double>(0.3F) * h * pulled) / pulled;
      const double fast = plain_flow(loss_, m[2], y, static_cast<double>(Loss::fast) * h) / plain;
      for (std::size_t i = 0; i < values.size(); ++i) {
        weights[i]->w[0] += unit * settle * settling[i] * values[i];
        weights[i]->w[1] += unit * bold * rate[i] * values[i];
        weights[i]->w[2] += unit * fast * values[i];
      }
    } else {
      const double eta = base_rate();
      const double move = plain_flow(loss_, m[0], y, eta * h * pulled) / pulled;
      for (std::size_t i = 0; i < values.size(); ++i) weights[i]->w[0] += unit * move * rate[i] * values[i];
    }
  }

  /// Ross et al. 2013, algorithm 2, line by line, with the gradient step of one example as a flow.
  void nag_step(const std::vector<Weight*>& weights, const std::vector<double>& values, double m, double g, double y, double h,
                double unit) {
    examples_ += h;
    std::vector<double> rate(values.size(), 0.0);
    double s = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      Weight& weight = *weights[i];
      if (values[i] == 0.0) continue;
      if (std::abs(values[i]) > weight.largest) {
        if (weight.largest > 0.0) weight.w[0] *= weight.largest / std::abs(values[i]);
        weight.largest = std::abs(values[i]);
      }
      norms_ += h * (values[i] / weight.largest) * (values[i] / weight.largest);
      weight.g2 += h * g * g * values[i] * values[i];
      rate[i] = weight.g2 > 0.0 ? 1.0 / (std::sqrt(weight.g2) * weight.largest) : 0.0;
      s += rate[i] * values[i] * values[i];
    }
    const double multiplier = std::sqrt(examples_ / norms_);
    s *= multiplier;
    if (g == 0.0) return;
    const double step = multiplier * plain_flow(loss_, m, y, 0.5 * h * s) / s;
    for (std::size_t i = 0; i < values.size(); ++i) weights[i]->w[0] += unit * step * rate[i] * values[i];
  }

  /// McMahan et al. 2013, algorithm 1, line by line; the intercept (the last) is not penalised.
  void ftrl_step(const std::vector<Weight*>& weights, const std::vector<double>& values, double gradient, double unit) {
    const double alpha = static_cast<double>(0.2F);
    const double beta = 1.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      Weight& weight = *weights[i];
      const double l1 = i + 1 < values.size() ? l1_ * unit : 0.0;
      const double l2 = i + 1 < values.size() ? l2_ : 0.0;
      const double g = gradient * values[i];
      const double sigma = (std::sqrt(weight.g2 + g * g) - std::sqrt(weight.g2)) / alpha;
      weight.z += unit * g - sigma * weight.w[0];
      weight.g2 += g * g;
      const double sign = weight.z < 0.0 ? -1.0 : 1.0;
      weight.w[0] = std::abs(weight.z) <= l1 ? 0.0 : -(weight.z - sign * l1) / ((beta + std::sqrt(weight.g2)) / alpha + l2);
    }
  }

  /// Kingma & Ba 2015, algorithm 1, line by line, for each weight whose value is not 0.
  void adam_step(const std::vector<Weight*>& weights, const std::vector<double>& values, double gradient, double unit) {
    const double beta1 = static_cast<double>(optimizer_.options().beta1);
    const double beta2 = static_cast<double>(optimizer_.options().beta2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0.0) continue;
      Weight& weight = *weights[i];
      const double g = gradient * values[i];
      weight.t += 1;
      weight.m = beta1 * weight.m + (1.0 - beta1) * g;
      weight.v = beta2 * weight.v + (1.0 - beta2) * g * g;
      const double m = weight.m / (1.0 - std::pow(beta1, weight.t));
      const double v = weight.v / (1.0 - std::pow(beta2, weight.t));
      weight.w[0] -= unit * base_rate() * m / (std::sqrt(v) + static_cast<double>(optimizer_.options().epsilon));
    }
  }

  /// Orabona & Tommasi 2017, algorithm 2, line by line, with Vowpal Wabbit's bet and mean size of examples.
  void coin_step(const std::vector<Weight*>& weights, const std::vector<double>& values, double gradient, double h, double unit) {
    const double alpha = static_cast<double>(optimizer_.options().wealth);
    examples_ += h;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0.0) continue;
      weights[i]->largest = std::max(weights[i]->largest, std::abs(values[i]));
      norms_ += h * (values[i] / weights[i]->largest) * (values[i] / weights[i]->largest);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0.0) continue;
      Weight& weight = *weights[i];
      weight.steepest = std::max({weight.steepest, std::abs(gradient), 1.0});
      const double bound = weight.steepest * weight.largest;
      const double g = gradient * values[i];
      const double bet = (alpha + weight.wealth) / (bound * (bound + weight.sum)) * weight.theta;
      weight.wealth = std::max(weight.wealth - g * bet, 0.0);
      weight.theta -= g;
      weight.sum += std::abs(g);
      const double next = (alpha + weight.wealth) / (bound * (bound + weight.sum)) * weight.theta;
      weight.w[0] = weight.origin + unit * next * examples_ / norms_;
    }
  }

  /// Crammer et al. 2006, figures 1 and 2, where the loss has the slope 1; else the minimum of
  /// |w - w_t|^2 / 2 + C xi (PA-I) or C xi^2 (PA-II) by the same derivation, of a loss xi = slope * distance.
  void aggressive_step(const std::vector<Weight*>& weights, const std::vector<double>& values, double m, double y, double h, double unit) {
    double direction = 0.0;
    double distance = 0.0;
    double slope = 1.0;
    if constexpr (std::same_as<Loss, Hinge>) {
      direction = y > 0.5 ? 1.0 : -1.0;
      distance = std::max(0.0, 1.0 - direction * m);
    } else {
      direction = m < y ? 1.0 : -1.0;
      distance = std::abs(y - m);
      slope = m < y ? static_cast<double>(loss_.tau()) : 1.0 - static_cast<double>(loss_.tau());
    }
    double square = 0.0;
    for (const double value : values) square += value * value;
    const double c = h * base_rate();
    const bool linear = optimizer_.options().slack == PassiveAggressive::Slack::linear;
    const double tau = linear ? std::min(c * slope, distance / square) : distance / (square + 1.0 / (2.0 * c * slope * slope));
    for (std::size_t i = 0; i < values.size(); ++i) weights[i]->w[0] += unit * direction * tau * values[i];
  }

  /// Of a step, and at which penalties act.
  double base_rate() const {
    if constexpr (sgd) {
      const auto& o = optimizer_.options();
      const double horizon = static_cast<double>(o.horizon);
      return static_cast<double>(o.rate) * std::pow(horizon / (horizon + seen_weight_), static_cast<double>(o.power));
    } else if constexpr (adam) {
      return static_cast<double>(optimizer_.options().rate);
    } else if constexpr (aggressive) {
      return static_cast<double>(optimizer_.options().aggressiveness);
    } else {
      return static_cast<double>(three ? 0.3F : (nag ? 0.5F : 0.2F));
    }
  }

  void mix(const std::array<double, 4>& m, double mixed, double g, double h) {
    g = std::clamp(g, -10.0, 10.0);
    std::array<double, 4> slope{};
    double mean_square = 0.0;
    for (std::size_t k = 0; k < 4; ++k) {
      slope[k] = g * (m[k] - mixed);
      mean_square += share_[k] * slope[k] * slope[k];
    }
    energy_ += std::max(h, h * h) * mean_square;
    for (std::size_t k = 0; k < 4; ++k) logit_[k] -= h * slope[k] / std::sqrt(1.0 + energy_);
    const double highest = std::max({logit_[0], logit_[1], logit_[2], logit_[3]});
    double sum = 0.0;
    for (double& logit : logit_) {
      logit = std::max(logit - highest, -8.0);
      sum += std::exp(logit);
    }
    for (std::size_t k = 0; k < 4; ++k) share_[k] = std::exp(logit_[k]) / sum;
    seen_gradients_ = std::min(seen_gradients_ + 1.0, 1000.0);
    dispersion_ = std::max(dispersion_ + (g * g - dispersion_) / seen_gradients_, static_cast<double>(1e-4F));
  }

  void penalise(double h, double unit) {
    if (ftrl || (l1_ == 0.0 && l2_ == 0.0)) return;
    const auto shrink = [&](double w, double scale) {
      const double size = std::abs(w) * scale * std::exp(-base_rate() * l2_ * h) - base_rate() * l1_ * h * unit;
      return scale == 0.0 || size <= 0.0 ? 0.0 : std::copysign(size / scale, w);
    };
    for (std::size_t j = 0; j < dense_.size(); ++j)
      for (double& w : dense_[j].w) w = shrink(w, raw ? 1.0 : scale_[j]);
    for (auto& [index, weight] : hashed_)
      for (double& w : weight.w) w = shrink(w, 1.0);
  }

  Loss loss_;
  Optimizer optimizer_;
  std::uint32_t mask_;
  double l1_;
  double l2_;
  std::vector<Weight> dense_;
  std::vector<double> scale_;
  std::vector<double> count_;
  std::map<std::uint32_t, Weight> hashed_;
  Weight intercept_;
  bool hashed_scales_ = false;
  std::array<double, 4> share_ = {0.25, 0.25, 0.25, 0.25};
  std::array<double, 4> logit_{};
  double base_ = 0.0;
  double base_g2_ = 0.0;
  double energy_ = 0.0;
  double examples_ = 0.0;  // NAG, coin betting
  double norms_ = 0.0;
  double seen_weight_ = 0.0;
  double seen_gradients_ = 10.0;
  double dispersion_ = 1.0;
  double counted_ = 0.0;
  double square_ = 0.0;
  std::vector<double> labels_;
  double pressure_ = 0.0;
  double mean_ = 0.0;
  double variance_ = 0.0;
  double deviation_ = 0.0;
  double largest_ = 0.0;
};

}  // namespace rtml::testing
