#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/detail/factor_features.hpp"
#include "rtml/learn/detail/factor_rows.hpp"
#include "rtml/learn/detail/gathered_rows.hpp"
#include "rtml/learn/detail/linear_front.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"
#include "rtml/learn/detail/optimizer.hpp"
#include "rtml/learn/losses.hpp"

namespace rtml::detail {

/// From where a binary prediction says 1: 0 for a margin (hinge, which has no probability), else 1/2.
template <class Loss>
inline constexpr float threshold_of = std::same_as<Loss, Hinge> ? 0.0F : 0.5F;

/// What factorization machines have in common, which is all but their interactions: features and their rows, the linear half with its
/// optimizer, the label's unit, the size of a step.
template <class Loss, class Optimizer>
class FactorModel {
 public:
  static constexpr std::size_t lanes = Optimizer::lanes;
  static constexpr std::size_t most_factors = 64;
  static constexpr std::size_t most_fielded = 1024;  // dense columns that are a field each
  using Sums = std::array<float, lanes>;
  using Margins = typename LinearFront<Loss, Optimizer>::Margins;
  using Rows = FactorRows<Optimizer::fields>;
  using Fields = FactorFeatures::Fields;

  struct Settings {
    Loss loss = {};
    Optimizer optimizer = {};
    unsigned factors = 8;
    unsigned bits = 18;
    unsigned fields = 0;  ///< of hashed features; each dense column is one more. 0 = every feature has one vector, for all
    float rate = 1.0F;
    float l2 = 0.0F;
    std::uint64_t seed = 0;
  };

  struct Evaluation {
    Margins margins{};  ///< of the linear half, the interactions added to each that knows features
    float margin = 0.0F;
    float prediction = 0.0F;
  };

  /// An example as it is learned from.
  struct Example {
    LinearExample<Optimizer::State::experts> linear;
    std::span<const Active> active;
    float energy = 0.0F;  ///< weighted squared gradient of the loss
    float size = 1.0F;    ///< sum of the squared values, at least 1
  };

  /// @throws ConfigError when an option is outside the range that both machines document.
  FactorModel(std::string_view type, const Settings& settings)
      : settings_(settings),
        features_(settings.bits, settings.fields),
        padded_((settings.factors + 3) / 4 * 4),
        rows_(0, width_of(schema_)) {
    require(type, "factors", settings.factors, settings.factors >= 1 && settings.factors <= most_factors, "in [1, 64]");
    require(type, "rate", settings.rate, settings.rate > 0.0F && settings.rate <= 1e6F, "in (0, 1e6]");
    require(type, "l2", settings.l2, settings.l2 >= 0.0F && settings.l2 <= 1e3F, "in [0, 1000]");
  }

  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(std::string_view who, const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError(std::string(who) + " learned from other features: " + *missing));
    if (schema != schema_) rows_ = moved_to(schema);
    features_.bind(schema, schema_);
    schema_ = schema;
    gathered_.reserve(features_.usual());
  }

  /// False when the table would be too large to be meant: its size grows with the square of what a file may claim.
  bool has_room_for(const Schema& schema) const noexcept { return settings_.fields == 0 || schema.dense_size() <= most_fielded; }

  const Schema& schema() const noexcept { return schema_; }
  const Settings& settings() const noexcept { return settings_; }
  std::uint64_t refused() const noexcept { return refused_; }
  void refuse() noexcept { ++refused_; }

  const Rows& rows() const noexcept { return rows_; }
  Rows& rows() noexcept { return rows_; }

  /// Floats of one vector of factors: a multiple of 4, those beyond `factors` are 0 for ever.
  std::size_t padded() const noexcept { return padded_; }

  const FactorFeatures& features() const noexcept { return features_; }

  /// Asks for the beginnings of the hashed rows, which lie anywhere in memory.
  void prefetch(const Features& x) const noexcept {
    if (!features_.hashes()) return;
    for (const SparseFeature& feature : x.sparse) rows_.prefetch(features_.row_of(feature.index));
  }

  Sums intercept() const noexcept {
    Sums sums;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    std::copy_n(front_.intercept.begin(), lanes, sums.begin());
    return sums;
  }

  /// Adds what the weights of a feature say.
  void add(Sums& sums, const Active& a) const noexcept {
    const float* weights = rows_.row(a.row);
    for (std::size_t k = 0; k < lanes; ++k) sums[k] += weights[k] * a.value;
  }

  Evaluation finish(Sums sums, float interactions) const noexcept {
    Evaluation e;
    for (float& sum : sums) sum += front_.unit() * interactions;
    e.margins = front_.margins(sums);
    e.margin = front_.mixture.mix(e.margins);
    e.prediction = Loss::predict(e.margin);
    return e;
  }

  bool usable(const Features& x, float y, float weight) const noexcept {
    return is_usable(x, y, weight) && Loss::accepts(y) && x.dense.size() == schema_.dense_size();
  }

  /// Takes an example in: scales, the label's unit, its active features (repeated ones of one field added up), its gradient. False while
  /// all labels were equal: the intercept is that, and there is nothing to learn.
  bool open(const Features& x, Fields fields, float y, float weight, const Evaluation& before, Example& example) noexcept {
    example.active = features_.gather(x, fields);
    float size = 0.0F;
    for (const Active& a : example.active) size += a.value * a.value;
    example.size = std::max(size, 1.0F);
    LinearExample<Optimizer::State::experts>& linear = example.linear;
    linear.weight = weight;
    linear.margins = before.margins;
    if (!front_.observe(y, settings_.optimizer, linear)) return false;
    linear.margin = front_.mixture.mix(linear.margins);
    linear.gradient = settings_.loss.gradient(linear.margin, linear.y);
    example.energy = std::min(weight * linear.gradient * linear.gradient, largest_energy);
    return true;
  }

  /// Draws the factors of a vector that was never learned from: +-0.05 / sqrt(size), at random, so that interactions begin small whatever
  /// the number of features.
  void wake(float* factors, std::size_t row, std::size_t field, float size) const noexcept {
    if (factors[0] != 0.0F) return;
    const std::size_t d = features_.dense_size();
    const std::uint64_t feature = row < d ? hash_bytes(schema_.dense(row).name) : row - d;
    const std::uint64_t other = features_.is_hashed(field) ? field : hash_bytes(schema_.dense(field - settings_.fields).name);
    const std::uint64_t key = hash_combine(hash_combine(settings_.seed, feature), other);
    draw_factors(factors, settings_.factors, key, 0.05F * inverse_sqrt(size));
  }

  /// How far to go along each factor's own rate times its slope, where `sensitivity` is how much that moves the margin: a flow (losses.hpp)
  /// of time `rate` for an example of size 1.
  float step(const Example& example, float sensitivity) const noexcept {
    if (!(sensitivity > 1e-30F && sensitivity < 1e35F)) return 0.0F;
    const float time = settings_.rate * (sensitivity / example.size);
    return settings_.loss.flow(example.linear.margin, example.linear.y, std::min(time * example.linear.weight, 1e30F)) / sensitivity;
  }

  /// By how much L2 shrinks a factor of rate 1.
  float shrinkage(const Example& example) const noexcept { return settings_.l2 * settings_.rate * example.linear.weight / example.size; }

  /// One step of the linear half.
  void descend(const Example& example) noexcept {
    const Optimizer& optimizer = settings_.optimizer;
    const auto block = gathered_.gather(rows_, example.active, front_.intercept);
    LinearKernels<Optimizer>::accumulate(optimizer, block, example.energy, example.linear.dispersion);
    Sensitivity<Optimizer::rate_count> s;
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) s.adaptive[r] = kernels::dot(block.pulls[r], block.z, block.n);
    const float* size = Optimizer::scales_itself ? block.relative : block.z;
    s.plain = kernels::dot(size, size, block.n);
    LinearKernels<Optimizer>::apply(optimizer, block, optimizer.plan(settings_.loss, example.linear, s, {}, front_.mixture));
    gathered_.scatter(rows_, front_.intercept);
    front_.mixture.learn(settings_.loss, example.linear, optimizer);
  }

  /// Beyond the model itself.
  std::size_t memory_bytes() const noexcept {
    return schema_.memory_bytes() - sizeof(schema_) + features_.memory_bytes() + rows_.memory_bytes() + gathered_.memory_bytes();
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    std::string loss(Loss::name);
    std::string optimizer(Optimizer::name);
    ar(loss, optimizer);
    ar.check(loss == Loss::name && optimizer == Optimizer::name, "loss or optimizer (saved: of another learner)");
    auto& s = self.settings_;
    unsigned factors = s.factors;
    unsigned bits = s.bits;
    unsigned fields = s.fields;
    ar(s.loss, s.optimizer, factors, bits, fields, s.rate, s.l2, s.seed);
    ar.check(factors == s.factors && bits == s.bits && fields == s.fields, "factors, bits or fields (saved: a table of another size)");
    ar.check(s.rate > 0.0F && s.rate <= 1e6F && s.l2 >= 0.0F && s.l2 <= 1e3F, "rate or l2");
    ar(self.schema_);
    ar.check(self.has_room_for(self.schema_), "number of dense columns");
    FactorFeatures::archive(self.features_, ar, self.schema_);
    Rows::archive(self.rows_, ar, Optimizer::sound, self.features_.rows_of(self.schema_), self.width_of(self.schema_));
    ar(self.front_, self.refused_);
    if constexpr (Ar::reading) self.gathered_.reserve(self.features_.usual());
  }

 private:
  /// Floats of a row's factors.
  std::size_t width_of(const Schema& schema) const noexcept { return features_.fields_of(schema) * padded_; }

  /// The rows as `now` lays them out: dense columns, and their fields, go by name.
  Rows moved_to(const Schema& now) const {
    Rows moved(features_.rows_of(now), width_of(now));
    const std::size_t d = schema_.dense_size();
    const auto place = [&](std::size_t i) { return now.dense_place(schema_.dense(i).name).value_or(i); };
    std::vector<std::size_t> fields(features_.fields_of(schema_));
    for (std::size_t f = 0; f < fields.size(); ++f) fields[f] = features_.is_hashed(f) ? f : settings_.fields + place(f - settings_.fields);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::size_t to = i < d ? place(i) : now.dense_size() + (i - d);
      moved.put(to, rows_.cell(i));
      for (std::size_t f = 0; f < fields.size(); ++f) {
        std::copy_n(rows_.factors(i) + f * padded_, padded_, moved.factors(to) + fields[f] * padded_);
        std::copy_n(rows_.energies(i) + f * padded_, padded_, moved.energies(to) + fields[f] * padded_);
      }
    }
    return moved;
  }

  Settings settings_;
  Schema schema_;
  FactorFeatures features_;
  std::size_t padded_ = 0;
  Rows rows_;
  LinearFront<Loss, Optimizer> front_;
  std::uint64_t refused_ = 0;
  GatheredRows<Optimizer> gathered_;  // scratch of learn
};

}  // namespace rtml::detail
