#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "rtml/core/finite.hpp"
#include "rtml/core/math.hpp"
#include "rtml/learn/detail/label_scale.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml::detail {

/// What a linear model has once, not for each column: a plain value, so that threads can hand it on word by word.
template <class Loss, class Optimizer>
class LinearFront {
  static constexpr std::size_t lanes = Optimizer::lanes;
  static constexpr std::size_t experts = Optimizer::State::experts;

 public:
  using Margins = std::array<float, experts>;
  using Cell = std::array<float, Optimizer::fields>;

  Cell intercept{};
  typename Optimizer::State mixture;

  LinearFront() { bound_margins(); }

  /// The margins that the mixture is of: those of the lanes, from what features and intercept sum up to, and the one that needs no features.
  Margins margins(const std::array<float, lanes>& sums) const noexcept {
    Margins margins;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t k = 0; k < lanes; ++k) margins[k] = bounded(sums[k]);
    if constexpr (experts > lanes) margins[lanes] = bounded(mixture.base());
    return margins;
  }

  /// The mixture of what features do not say.
  float mixed_intercept() const noexcept {
    const auto shares = mixture.shares();
    float sum = 0.0F;
    for (std::size_t k = 0; k < lanes; ++k) sum += shares[k] * intercept[k];
    if constexpr (experts > lanes) sum += shares[lanes] * bounded(mixture.base());
    return sum;
  }

  /// Takes a label into what is known of labels, and measures it and the margins of `example` in their unit. False when there is nothing to
  /// learn from: all labels were equal or no more than two, or the intercept starts anew, of counts with the first.
  bool observe(float y, const Optimizer& optimizer, LinearExample<experts>& example) noexcept {
    example.y = y;
    if constexpr (Loss::scaled) {
      if (labels_.empty()) start(y, optimizer);
      const bool anew = labels_.observe(y);
      bound_margins();
      if (anew) start(center_, optimizer);
      if (anew || labels_.unit() <= 0.0) return false;
      const auto in_units = [&](float value) {
        constexpr auto most = static_cast<double>(largest_magnitude);  // after labels that were all but equal, a label may be that far
        return static_cast<float>(std::clamp((static_cast<double>(value) - labels_.mean()) / labels_.unit(), -most, most));
      };
      for (float& margin : example.margins) margin = in_units(margin);
      example.y = in_units(y);
      example.unit = static_cast<float>(labels_.unit());
      if constexpr (Loss::dispersed) example.dispersion = mixture.dispersion();
    }
    if constexpr (Loss::counts) {
      const bool first = labels_.empty();
      labels_.observe(y);
      largest_count_ = std::max(largest_count_, y);
      bound_margins();
      if (first) start(math::log(std::max(y, 1.0F)), optimizer);  // on the way from 0 to a large one, rates would be used up
      return !first;
    }
    return true;
  }

  /// One unit of the label, in its own measure.
  float unit() const noexcept { return Loss::scaled ? static_cast<float>(labels_.unit()) : 1.0F; }

  void merge(const LinearFront& other, const Optimizer& optimizer) noexcept {
    labels_.merge(other.labels_);
    largest_count_ = std::max(largest_count_, other.largest_count_);
    bound_margins();
    mixture.merge(other.mixture);
    adapted(optimizer, mixture).merge(intercept, other.intercept, unit(), {}, mixture);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.intercept, self.mixture, self.labels_, self.largest_count_);
    if constexpr (Ar::reading) {
      ar.check(Optimizer::sound(self.intercept), "intercept");
      ar.check(is_usable(self.largest_count_) && self.largest_count_ >= 0.0F, "largest count");
      self.bound_margins();
    }
  }

 private:
  void start(float y, const Optimizer& optimizer) noexcept {
    intercept = {};
    optimizer.start(intercept, y);
    mixture.start(y);
  }

  /// What a margin may be; what is not finite stands for the mean label.
  float bounded(float margin) const noexcept { return is_finite(margin) ? std::clamp(margin, lowest_, highest_) : center_; }

  void bound_margins() noexcept {
    center_ = 0.0F;
    lowest_ = -Loss::largest_margin;
    highest_ = Loss::largest_margin;
    if constexpr (Loss::counts) highest_ = std::min(highest_, math::log1p(largest_count_) + 1.0F);  // e times what was ever seen
    if constexpr (Loss::scaled) {
      const double reach = static_cast<double>(Loss::largest_margin) * labels_.unit();
      center_ = static_cast<float>(labels_.mean());
      lowest_ = static_cast<float>(labels_.mean() - reach);
      highest_ = static_cast<float>(labels_.mean() + reach);
    }
  }

  LabelScale labels_;
  float largest_count_ = 0.0F;  // of labels that are counts
  float lowest_ = 0.0F;
  float highest_ = 0.0F;
  float center_ = 0.0F;
};

}  // namespace rtml::detail
