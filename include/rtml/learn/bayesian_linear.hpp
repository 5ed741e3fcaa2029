#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/column_ranges.hpp"
#include "rtml/learn/detail/ud_covariance.hpp"

namespace rtml {

/// Linear regression with the exact posterior of its weights: what it predicts is a distribution, which says how sure it is.
///
/// y = intercept + w' x + noise of unknown variance s2. A priori w[j] ~ N(0, s2 prior / unit[j]^2) given s2, with unit[j] the power of two
/// above the column's range (largest less smallest value) so far: a column's scale and offset do not matter, and by default the prior
/// weighs about as much as one example (take more where noise is below a hundredth of the label's range and memory short). Intercept and
/// ln s2 have flat priors. The posterior is then normal-inverse-gamma, the prediction Student's t, and both are those of one batch solution
/// over all examples, in any order: when a range grows, the prior follows exactly.
///
/// - A missing (NaN) value is its column's mean so far and contributes nothing. Hashed features are ignored. Nominal columns are refused:
///   make them one_hot().
/// - Once a column had 30 values, one outside their range and more than ten standard deviations from their mean is cut there: a wrong
///   reading neither throws a prediction far off nor becomes the unit. What this page calls exact is so for examples as they are taken.
/// - Importance: weight w is the example w times, exactly; under forgetting w times at once, so that what came before fades once.
/// - Forgetting f: an example k examples ago weighs f^k, in the weights as in the noise variance and the degrees of freedom. The prior does
///   not fade with them, so that a column that does not vary for long keeps a bounded variance (no wind-up): what a prior loses is put back
///   column by column in turn, and each stays between about half of itself and all of it.
/// - Squares judge: a label that is an outlier counts in full.
///
/// The covariance is kept as U D U' in double (detail::UdCovariance), which rounding cannot make indefinite; columns are centred on their
/// running means, so that an offset costs no digits.
///
/// Cost: O(d) to predict a mean, O(d^2) a distribution and to learn, 4 d^2 bytes. A column whose range doubles costs O(d^2) more, and with
/// forgetting 1 + 2 d (1 - f) columns do for each example. Neither allocates.
/// Thread safety: everything const from any number of threads while nobody learns.
/// Source: C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), sections 2.3.6 (unknown variance) and 3.3 (weights); centring
/// as in T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
class BayesianLinear {
 public:
  static constexpr std::string_view name = "bayesian_linear";
  static constexpr std::size_t most_columns = 2048;

  struct Options {
    double prior = 100.0;     ///< variance of a weight, by the column's range and the noise variance, in [1e-6, 1e9]
    double forgetting = 1.0;  ///< weight of an example one example later, in (0, 1]; 1 = nothing is forgotten
  };

  /// Student's t: (y - mean) / scale has `freedom` degrees of freedom.
  struct Predictive {
    double mean = 0.0;
    double scale = std::numeric_limits<double>::infinity();  ///< infinite while freedom is 0
    double freedom = 0.0;                                    ///< the weight seen, less one; 0 until that is more

    /// Infinite while there are no more than two degrees of freedom.
    double variance() const noexcept {
      return freedom > 2.0 ? scale * scale * (freedom / (freedom - 2.0)) : std::numeric_limits<double>::infinity();
    }
  };

  BayesianLinear() : BayesianLinear(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit BayesianLinear(const Options& options) : options_(options) {
    require("BayesianLinear", "prior", options.prior, sound_prior(options.prior), "in [1e-6, 1e9]");
    require("BayesianLinear", "forgetting", options.forgetting, sound_forgetting(options.forgetting), "in (0, 1]");
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column, ConfigError when one is nominal or there are more than 2048.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError("bayesian_linear learned from other features: " + *missing));
    const std::size_t d = schema.dense_size();
    require("BayesianLinear", "number of dense columns", d, d <= most_columns, "<= 2048");
    if (const Column* column = nominal_of(schema); column != nullptr)
      raise(ConfigError("BayesianLinear: column \"" + column->name + "\" is nominal, must be numeric or one_hot()"));
    std::vector<std::size_t> places(schema_.dense_size());
    for (std::size_t j = 0; j < places.size(); ++j) places[j] = *schema.dense_place(schema_.dense(j).name);
    detail::UdCovariance covariance(d, options_.prior);
    covariance.take(covariance_, places);
    std::vector<double> weights(d, 0.0);
    std::vector<double> priors(d, 1.0 / options_.prior);
    for (std::size_t j = 0; j < places.size(); ++j) {
      weights[places[j]] = weights_[j];
      priors[places[j]] = priors_[j];
    }
    columns_.bind(d, places);
    covariance_ = std::move(covariance);
    weights_ = std::move(weights);
    priors_ = std::move(priors);
    if (!places.empty()) turn_ = places[static_cast<std::size_t>(turn_)];
    schema_ = schema;
    set_up();
  }

  const Schema& schema() const noexcept { return schema_; }
  std::uint64_t fingerprint() const noexcept { return schema_.fingerprint(); }
  const Options& options() const noexcept { return options_; }
  Task task() const noexcept { return Task::regression; }
  std::uint64_t refused() const noexcept { return refused_; }

  /// The predictive mean, cut to what a label can be. 0 before the first example.
  [[gnu::noinline]] float predict(const Features& x) const noexcept {  // out of line: predict and learn agree to the bit
    constexpr std::size_t lanes = 4;
    double sums[lanes] = {};
    const std::size_t d = std::min(x.dense.size(), slope_.size());
    for (std::size_t j = 0; j < d; ++j) sums[j % lanes] += slope_[j] * columns_.away(j, x.dense[j]);
    const double mean = mean_label_ + ((sums[0] + sums[2]) + (sums[1] + sums[3]));
    constexpr auto most = static_cast<double>(largest_magnitude);
    return static_cast<float>(is_finite(mean) ? std::clamp(mean, -most, most) : mean_label_);
  }

  /// What is known of the label of `x`: the mean is that of predict().
  Predictive predict_distribution(const Features& x) const noexcept {
    Predictive predictive{.mean = static_cast<double>(predict(x))};
    if (!(weight_ > 1.0)) return predictive;
    std::array<double, most_columns> z;  // NOLINT(cppcoreguidelines-pro-type-member-init): its beginning is filled, then read
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      const double off = j < x.dense.size() ? columns_.away(j, x.dense[j]) : 0.0;
      z[j] = off * columns_.inverse(j);
      // A column that never varied has no unit yet; this value would give it one.
      if (columns_.unit(j) == 0.0 && off != 0.0 && columns_.seen(j)) z[j] = off / detail::power_above(std::fabs(off));
    }
    predictive.freedom = weight_ - 1.0;
    predictive.scale = std::sqrt(squares_ / predictive.freedom * (1.0 + 1.0 / weight_ + covariance_.variance(z.data())));
    return predictive;
  }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    const float before = predict(x);
    if (!is_usable(x, y, weight) || x.dense.size() != columns_.size()) {
      ++refused_;
    } else if (weight > 0.0F) {
      update(x.dense.data(), static_cast<double>(y), static_cast<double>(weight));
    }
    return before;
  }

  /// What each dense column adds, measured from its mean; returns the prediction at the means. Sparse features add nothing.
  /// @pre dense.size() == x.dense.size(), sparse.size() == x.sparse.size()
  float contributions(const Features& x, std::span<float> dense, std::span<float> sparse) const noexcept {
    constexpr auto most = static_cast<double>(largest_magnitude);
    for (std::size_t j = 0; j < dense.size(); ++j) {
      const double part = j < slope_.size() ? slope_[j] * columns_.away(j, x.dense[j]) : 0.0;
      dense[j] = static_cast<float>(std::clamp(part, -most, most));
    }
    std::fill(sparse.begin(), sparse.end(), 0.0F);
    return static_cast<float>(mean_label_);
  }

  /// Precision of a weight's prior, times the noise variance, as it stands: unit^2 / prior, and with forgetting somewhat less. 0 for a
  /// column that never varied. @pre place < schema().dense_size()
  double prior_precision(std::size_t place) const noexcept { return priors_[place] * columns_.unit(place) * columns_.unit(place); }

  /// Takes in what `other` learned: the posterior of one that saw the examples of both, in either order up to rounding; a missing value
  /// stays what its own model took it for. O(d^3), allocates.
  /// @throws SchemaError when `other` has other columns, ConfigError when it has another prior or either forgets: who forgets, forgets by
  /// its own count of examples, and no order of both is known.
  void merge(const BayesianLinear& other) {
    schema_.require_equal(other.schema_, name);
    for (const double forgetting : {options_.forgetting, other.options_.forgetting})
      require("BayesianLinear", "forgetting", forgetting, forgetting == 1.0, "1 to merge");
    require("BayesianLinear", "prior of the other", other.options_.prior, other.options_.prior == options_.prior,
            "the same to merge: " + to_text(options_.prior));
    BayesianLinear theirs = other;
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      take_range(j, theirs);
      theirs.take_range(j, *this);
      columns_.merge(j, theirs.columns_);
    }
    const std::size_t d = columns_.size();
    // Their posterior is d observations and none of the prior's: (row' w - row' their w)^2 / pivot, summed. The prior is in both.
    for (std::size_t j = 0; j < d; ++j) {
      theirs.covariance_.inverse_row(j, z_.data());
      observe(theirs.covariance_.pivot(j), detail::dot(z_.data(), theirs.weights_.data(), d));
    }
    const double total = weight_ + theirs.weight_;
    if (weight_ > 0.0 && theirs.weight_ > 0.0) {
      for (std::size_t j = 0; j < d; ++j) z_[j] = (theirs.columns_.center(j) - columns_.center(j)) * columns_.inverse(j);
      observe(total / weight_ / theirs.weight_, theirs.mean_label_ - mean_label_);
    }
    for (std::size_t j = 0; j < d; ++j) {
      priors_[j] += theirs.priors_[j];
      add_prior(j, -theirs.priors_[j]);
    }
    squares_ = std::max(squares_ + theirs.squares_, 0.0);
    if (total > 0.0) {
      const double fraction = theirs.weight_ / total;
      for (std::size_t j = 0; j < d; ++j) columns_.move_center(j, (theirs.columns_.center(j) - columns_.center(j)) * fraction);
      mean_label_ += (theirs.mean_label_ - mean_label_) * fraction;
    }
    weight_ = total;
    refused_ += theirs.refused_;
    columns_.set_up();
    find_slopes();
  }

  std::size_t memory_bytes() const noexcept {
    const std::size_t doubles = weights_.capacity() + priors_.capacity() + slope_.capacity() + z_.capacity() + gain_.capacity();
    return sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + columns_.memory_bytes() + covariance_.memory_bytes() +
           doubles * sizeof(double);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("BayesianLinear", 1);
    ar(self.options_.prior, self.options_.forgetting);
    ar.check(sound_prior(self.options_.prior), "prior");
    ar.check(sound_forgetting(self.options_.forgetting), "forgetting");
    ar(self.schema_, self.weight_, self.mean_label_, self.squares_, self.columns_, self.weights_, self.priors_, self.covariance_,
       self.turn_, self.refused_);
    if constexpr (Ar::reading) {
      const std::size_t d = self.schema_.dense_size();
      ar.check(d <= most_columns && nominal_of(self.schema_) == nullptr, "schema");
      ar.check(detail::bounded(self.weight_, detail::UdCovariance::largest) && self.weight_ >= 0.0, "weight");
      ar.check(detail::bounded(self.mean_label_, detail::ColumnRanges::largest_mean), "mean label");
      ar.check(detail::bounded(self.squares_, 1e100) && self.squares_ >= 0.0, "squares");
      ar.check(self.columns_.size() == d && self.weights_.size() == d && self.priors_.size() == d, "columns");
      for (const double prior : self.priors_) ar.check(prior >= 1e-12 && prior <= 1e12, "prior of a column");
      for (const double weight : self.weights_) ar.check(detail::bounded(weight, detail::UdCovariance::largest), "weight of a column");
      ar.check(self.covariance_.size() == d, "covariance");
      ar.check(self.turn_ < std::max<std::size_t>(d, 1), "turn");
      self.set_up();
    }
  }

 private:
  static bool sound_prior(double prior) noexcept { return prior >= 1e-6 && prior <= 1e9; }
  static bool sound_forgetting(double forgetting) noexcept { return forgetting > 0.0 && forgetting <= 1.0; }

  static const Column* nominal_of(const Schema& schema) noexcept {
    for (const Column& column : schema.columns())
      if (column.kind == Column::Kind::nominal) return &column;
    return nullptr;
  }

  /// What follows from the state.
  void set_up() {
    slope_.resize(columns_.size());
    z_.assign(columns_.size(), 0.0);
    gain_.assign(columns_.size(), 0.0);
    find_slopes();
  }

  void find_slopes() noexcept {
    for (std::size_t j = 0; j < slope_.size(); ++j) slope_[j] = weights_[j] * columns_.inverse(j);
  }

  void update(const float* x, double y, double weight) noexcept {
    if (options_.forgetting < 1.0) forget();
    const std::size_t d = columns_.size();
    for (std::size_t j = 0; j < d; ++j) z_[j] = is_nan(x[j]) ? 0.0 : take(j, columns_.taken(j, static_cast<double>(x[j])), weight);
    const double total = weight_ + weight;
    const double fraction = weight / total;
    const double above = y - mean_label_;
    if (weight_ > 0.0) observe(total / weight_ / weight, above);  // about means that do not hold this example yet
    for (std::size_t j = 0; j < d; ++j) columns_.move_center(j, z_[j] * columns_.unit(j) * fraction);
    mean_label_ += above * fraction;
    weight_ = total;
    find_slopes();
  }

  /// Learns z_' weights = target, under `r` times the noise variance.
  void observe(double r, double target) noexcept {
    const double error = target - detail::dot(weights_.data(), z_.data(), weights_.size());
    const double step = error / covariance_.observe(z_.data(), r, gain_.data());
    for (std::size_t j = 0; j < weights_.size(); ++j) weights_[j] += gain_[j] * step;
    squares_ += error * step;
  }

  /// Learns that weight j is 0, with that precision; unlearns it when negative.
  void add_prior(std::size_t j, double precision) noexcept {
    const double r = 1.0 / precision;
    const double before = weights_[j];
    const double a = covariance_.observe_one(j, r, gain_.data());
    const double step = -before / a;
    for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] += gain_[i] * step;
    weights_[j] = before * (r / a);  // before + step (a - r), which would cancel
    squares_ -= before * step;
    priors_[j] += precision;
  }

  void renew_prior(std::size_t j) noexcept {
    const double lacking = 1.0 / options_.prior - priors_[j];
    if (lacking > 0.0) add_prior(j, lacking);
  }

  void forget() noexcept {
    const double f = options_.forgetting;
    const std::size_t d = columns_.size();
    weight_ *= f;
    squares_ *= f;
    covariance_.inflate(1.0 / f);
    for (double& prior : priors_) prior *= f;
    const auto renewed = std::min(d, 1 + static_cast<std::size_t>(2.0 * static_cast<double>(d) * (1.0 - f)));
    for (std::size_t i = 0; i < renewed; ++i) {
      renew_prior(static_cast<std::size_t>(turn_));
      turn_ = turn_ + 1 == d ? 0 : turn_ + 1;
    }
  }

  /// Takes a value into its column's range; returns how many units it lies from the mean.
  double take(std::size_t j, double value, double weight) noexcept {
    grow(j, columns_.widen(j, value, value));
    const double off = value - columns_.center(j);
    columns_.add(j, off, weight, options_.forgetting);
    return off * columns_.inverse(j);
  }

  void take_range(std::size_t j, const BayesianLinear& other) noexcept { grow(j, columns_.take(j, other.columns_)); }

  /// Follows a column's unit, which became `factor` times itself.
  void grow(std::size_t j, double factor) noexcept {
    if (factor == 1.0) return;
    covariance_.rescale(j, factor);
    weights_[j] *= factor;
    priors_[j] /= factor * factor;
    renew_prior(j);
  }

  Options options_;
  Schema schema_;
  double weight_ = 0.0;  // of all examples
  double mean_label_ = 0.0;
  double squares_ = 0.0;  // of what the weights leave of the labels, and of the weights under their prior
  detail::ColumnRanges columns_;
  std::vector<double> weights_;      // [d] of columns over their units
  std::vector<double> priors_;       // [d] precision of the weight, as it stands
  detail::UdCovariance covariance_;  // of weights_, over the noise variance
  std::uint64_t turn_ = 0;           // whose prior forgetting puts back next
  std::uint64_t refused_ = 0;

  std::vector<double> slope_;  // [d] weights of columns as they come
  std::vector<double> z_;      // [d] the rest is scratch of learn
  std::vector<double> gain_;   // [d]
};

}  // namespace rtml
