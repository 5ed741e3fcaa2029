// Factorization machines in double precision, feature by feature, with AdaGrad for the linear half: naive sums over pairs, slopes by
// differences of the margin itself. Nothing is shared with the learners but the draw of the first factors.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/learn/detail/label_scale.hpp"

namespace rtml::testing {

class PlainFactorization {
 public:
  struct Shape {
    bool regression = false;
    std::uint32_t fields = 0;  ///< 0 = one vector a feature
    std::size_t factors = 8;
    double rate = 1.0;
    double l2 = 0.0;
    std::uint64_t seed = 1;
    std::size_t dense = 0;  ///< numeric columns x0, x1, ...
    std::uint32_t rows = 1024;
  };

  explicit PlainFactorization(const Shape& shape) : shape_(shape), scale_(shape.dense), count_(shape.dense) {}

  double predict(Features x, const std::vector<std::uint32_t>& fields = {}) const {
    const double m = bounded(margin(features(x, fields)));
    return shape_.regression ? m : 1.0 / (1.0 + std::exp(-m));
  }

  void learn(Features x, double y, double h, const std::vector<std::uint32_t>& fields = {}) {
    double m = bounded(margin(features(x, fields)));
    observe(x);
    const auto all = features(x, fields);
    if (shape_.regression) {
      if (labels_.empty()) w_[""] = y;
      if (labels_.observe(static_cast<float>(y))) {
        w_[""] = labels_.mean();
        energy_[""] = 0.0;
        return;
      }
      if (labels_.unit() <= 0.0) return;
      m = (m - labels_.mean()) / labels_.unit();
      y = (y - labels_.mean()) / labels_.unit();
    }
    const double g = shape_.regression ? std::clamp(m - y, -10.0, 10.0) : 1.0 / (1.0 + std::exp(-m)) - y;
    const double energy = h * g * g;
    learn_factors(all, m, y, h, energy);
    learn_weights(all, m, y, h, energy);
  }

 private:
  struct Feature {
    std::string name;
    std::uint64_t identity;
    std::uint32_t field;
    double z;
  };
  struct Factor {
    double value = 0.0;
    double energy = 0.0;
  };
  using Vector = std::vector<Factor>;
  using Key = std::pair<std::string, std::uint32_t>;  // feature, field of the other

  static constexpr double reach = 7.0;

  std::vector<Feature> features(Features x, const std::vector<std::uint32_t>& fields) const {
    std::vector<Feature> all;
    for (std::uint32_t j = 0; j < shape_.dense; ++j) {
      const double raw = static_cast<double>(x.dense[j]);
      const std::string name = std::string("x").append(std::to_string(j));
      if (!std::isnan(raw) && scale_[j] > 0.0)
        all.push_back({name, hash_bytes(name), shape_.fields == 0 ? 0 : shape_.fields + j, std::clamp(raw / scale_[j], -reach, reach)});
    }
    for (std::uint32_t i = 0; i < x.sparse.size(); ++i) {
      const std::uint32_t row = x.sparse[i].index % shape_.rows;
      const std::uint32_t field = shape_.fields == 0 ? 0 : (fields.empty() ? i : fields[i]) % shape_.fields;
      const std::string name = std::string("#").append(std::to_string(row));
      const auto known = std::find_if(all.begin(), all.end(), [&](const Feature& f) { return f.name == name && f.field == field; });
      if (known != all.end()) {
        known->z += static_cast<double>(x.sparse[i].value);
      } else {
        all.push_back({name, row, field, static_cast<double>(x.sparse[i].value)});
      }
    }
    return all;
  }

  void observe(Features x) {
    for (std::size_t j = 0; j < shape_.dense; ++j) {
      const double raw = static_cast<double>(x.dense[j]);
      if (std::isnan(raw) || raw == 0.0) continue;
      double& s = scale_[j];
      count_[j] = std::min(count_[j] + 1.0, 1000.0);
      const double size = s > 0.0 ? std::min(std::abs(raw), reach * s) : std::abs(raw);
      s = std::sqrt(s * s + (size * size - s * s) / count_[j]);
    }
  }

  Key key(const Feature& feature, const Feature& other) const { return {feature.name, shape_.fields == 0 ? 0 : other.field}; }

  double interactions(const std::vector<Feature>& all) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = i + 1; j < all.size(); ++j) {
        const auto a = v_.find(key(all[i], all[j]));
        const auto b = v_.find(key(all[j], all[i]));
        if (a == v_.end() || b == v_.end()) continue;
        for (std::size_t f = 0; f < shape_.factors; ++f) sum += a->second[f].value * b->second[f].value * all[i].z * all[j].z;
      }
    }
    return sum;
  }

  double margin(const std::vector<Feature>& all) const {
    const auto weight = [&](const std::string& name) {
      const auto at = w_.find(name);
      return at == w_.end() ? 0.0 : at->second;
    };
    double sum = weight("");
    for (const Feature& feature : all) sum += weight(feature.name) * feature.z;
    return sum + (shape_.regression ? labels_.unit() : 1.0) * interactions(all);
  }

  double bounded(double m) const {
    if (!shape_.regression) return std::clamp(m, -30.0, 30.0);
    return std::clamp(m, labels_.mean() - 20.0 * labels_.unit(), labels_.mean() + 20.0 * labels_.unit());
  }

  /// The flow of a loss (losses.hpp): that of the squared one, or the root d of d + e^q (e^d - 1) = time by bisection.
  double flow(double m, double y, double time) const {
    if (shape_.regression) return -std::clamp(m - y, -10.0, 10.0) * (1.0 - std::exp(-time));
    const double e = std::exp(y > 0.5 ? m : -m);
    double low = 0.0;
    double high = time;
    for (int i = 0; i < 200; ++i) {
      const double d = 0.5 * (low + high);
      (d + e * (std::exp(d) - 1.0) < time ? low : high) = d;
    }
    return y > 0.5 ? low : -low;
  }

  void draw(const Feature& feature, const Feature& other, double size) {
    Vector& vector = v_[key(feature, other)];
    if (!vector.empty()) return;
    const std::string column = std::string("x").append(std::to_string(other.field - shape_.fields));
    const std::uint64_t field = shape_.fields == 0 ? 0 : (other.field < shape_.fields ? other.field : hash_bytes(column));
    const std::uint64_t seed = hash_combine(hash_combine(shape_.seed, feature.identity), field);
    for (std::size_t f = 0; f < shape_.factors; ++f) {
      const std::uint64_t bits = hash_integer(seed, f);
      const double share = static_cast<double>((bits >> 41U) + 1) / 8388608.0;
      vector.push_back({(bits % 2 == 1 ? 0.05 : -0.05) * share / std::sqrt(size), 0.0});
    }
  }

  void learn_factors(const std::vector<Feature>& all, double m, double y, double h, double energy) {
    double size = 0.0;
    for (const Feature& feature : all) size += feature.z * feature.z;
    size = std::max(size, 1.0);
    std::map<Factor*, double> slope;
    for (const Feature& feature : all) {
      for (const Feature& other : all) {
        if (&feature == &other && shape_.fields != 0) continue;
        draw(feature, other, size);
        for (Factor& factor : v_[key(feature, other)]) slope[&factor] = 0.0;
      }
    }
    double sensitivity = 0.0;
    for (auto& [factor, d] : slope) {
      const double value = factor->value;
      factor->value = value + 0.5;
      d = interactions(all);
      factor->value = value - 0.5;
      d -= interactions(all);  // over a difference of 1: exact, as the margin is linear in one factor
      factor->value = value;
      factor->energy += energy * d * d;
      sensitivity += d * d / std::sqrt(1.0 + factor->energy);
    }
    if (sensitivity < 1e-30) return;
    const double time = shape_.rate / size * h;
    const double step = flow(m, y, time * sensitivity) / sensitivity;
    for (auto& [factor, d] : slope) {
      const double rate = 1.0 / std::sqrt(1.0 + factor->energy);
      factor->value = (factor->value + step * d * rate) / (1.0 + shape_.l2 * time * rate);
    }
  }

  /// AdaGrad with its defaults.
  void learn_weights(const std::vector<Feature>& all, double m, double y, double h, double energy) {
    double sensitivity = 0.0;
    const auto rate = [&](const std::string& name) { return 1.0 / (1.0 + std::sqrt(energy_[name])); };
    std::vector<Feature> with;
    for (const Feature& feature : all) {  // what is in several fields is one weight
      const auto known = std::find_if(with.begin(), with.end(), [&](const Feature& f) { return f.name == feature.name; });
      if (known == with.end()) {
        with.push_back(feature);
      } else {
        known->z += feature.z;
      }
    }
    with.push_back({"", 0, 0, 1.0});
    for (const Feature& feature : with) {
      energy_[feature.name] += energy * feature.z * feature.z;
      sensitivity += rate(feature.name) * feature.z * feature.z;
    }
    const double unit = shape_.regression ? labels_.unit() : 1.0;
    const double step = unit * flow(m, y, static_cast<double>(0.2F) * h * sensitivity) / sensitivity;
    for (const Feature& feature : with) w_[feature.name] += step * rate(feature.name) * feature.z;
  }

  Shape shape_;
  std::map<std::string, double> w_;
  std::map<std::string, double> energy_;
  std::map<Key, Vector> v_;
  std::vector<double> scale_;
  std::vector<double> count_;
  rtml::detail::LabelScale labels_;
};

}  // namespace rtml::testing
