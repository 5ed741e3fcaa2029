#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/core/math.hpp"
#include "rtml/learn/detail/column_scale.hpp"
#include "rtml/learn/detail/hashed_table.hpp"
#include "rtml/learn/detail/merged.hpp"
#include "rtml/learn/detail/nominal_codes.hpp"
#include "rtml/learn/multi_rate.hpp"

namespace rtml {

/// Multinomial logistic regression, one linear margin a class, learned as LogisticRegression is: three rates side by side, mixed by how
/// they do (MultiRate), columns scaled inside, missing values left out, nominal columns hashed. Its options mean what they mean there.
///
/// Steps are gradient steps, cut where they would move a margin by more than four gradients; an importance weight multiplies them.
/// Cost: O(classes (d + nnz)) both, 16 bytes a weight and class. Thread safety: predict from any number of threads while nobody learns.
class Softmax {
  static constexpr std::size_t lanes = MultiRate::lanes;
  static constexpr std::size_t experts = MultiRate::experts;
  static constexpr std::size_t fields = MultiRate::fields;
  using Cell = std::array<float, fields>;
  using Base = std::array<float, 2>;  // a margin, and the weight of the labels that it is of

 public:
  static constexpr std::string_view name = "softmax";
  static constexpr int most_classes = 256;

  struct Options {
    int classes = 2;  ///< in [2, 256]
    MultiRate optimizer{{.fast = 2.0F}};
    unsigned bits = 18;  ///< 2^bits hashed rows of `classes` weights, in [1, 22]
  };

  Softmax() : Softmax(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit Softmax(const Options& options) : options_(options), classes_(static_cast<std::size_t>(options.classes)) {
    require("Softmax", "classes", options.classes, options.classes >= 2 && options.classes <= most_classes, "in [2, 256]");
    require("Softmax", "bits", options.bits, options.bits >= 1 && options.bits <= 22, "in [1, 22]");
    intercept_.resize(classes_);
    base_.assign(classes_, Base{math::log(0.5F), 0.0F});
    margins_.resize(classes_ * experts);
    gradient_.resize(classes_ * experts);
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError("softmax learned from other features: " + *missing));
    dense_.resize(classes_ * fields);
    for (auto& column : dense_) column = detail::moved_to(schema, schema_, column);
    scale_.bind(schema, schema_);
    schema_ = schema;
    set_up();
  }

  const Schema& schema() const noexcept { return schema_; }
  std::uint64_t fingerprint() const noexcept { return schema_.fingerprint(); }
  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return options_.classes; }
  std::uint64_t refused() const noexcept { return refused_; }

  /// @pre p.size() >= classes()
  [[gnu::noinline]] void predict_proba(const Features& x, std::span<float> p) const noexcept {
    for (std::size_t c = 0; c < classes_; ++c) p[c] = 0.0F;
    const auto shares = mixture_.shares();
    each_margin(x, [&](std::size_t c, std::size_t k, float margin) { p[c] += shares[k] * margin; });
    normalise(p.first(classes_), 1);
  }

  int predict(const Features& x) const noexcept {
    std::array<float, most_classes> p;  // NOLINT(cppcoreguidelines-pro-type-member-init): predict_proba fills what is read
    predict_proba(x, p);
    return static_cast<int>(std::max_element(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(classes_)) - p.begin());
  }

  int learn(const Features& x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (!is_usable(x, 0.0F, weight) || label < 0 || label >= options_.classes || x.dense.size() != schema_.dense_size()) {
      ++refused_;
    } else if (weight > 0.0F) {
      update(x, static_cast<std::size_t>(label), weight);
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes =
        sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + table_.memory_bytes() + scale_.memory_bytes() + nominal_.memory_bytes() +
        merged_.memory_bytes() + intercept_.capacity() * sizeof(Cell) + base_.capacity() * sizeof(Base) +
        (margins_.capacity() + gradient_.capacity() + energy_.capacity()) * sizeof(float) + dense_.capacity() * sizeof(std::vector<float>);
    for (const auto& column : dense_) bytes += column.capacity() * sizeof(float);
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Softmax", 1);
    int classes = self.options_.classes;
    unsigned bits = self.options_.bits;
    ar(classes, bits, self.options_.optimizer);
    ar.check(classes == self.options_.classes, "classes (saved: of another number)");
    ar.check(bits == self.options_.bits, "bits (saved: a table of another size)");
    ar(self.schema_, self.intercept_, self.base_, self.dense_, self.scale_);
    detail::HashedTable<fields>::archive(self.table_, ar, MultiRate::sound, bits, self.classes_);
    ar(self.mixture_, self.size_, self.refused_);
    if constexpr (Ar::reading) {
      const std::size_t d = self.schema_.dense_size();
      ar.check(self.intercept_.size() == self.classes_, "intercepts");
      for (const Cell& cell : self.intercept_) ar.check(MultiRate::sound(cell), "intercept");
      ar.check(self.base_.size() == self.classes_, "margins without features");
      for (const Base& base : self.base_)
        ar.check(detail::sound_weight(base[0]) && detail::sound_energy(base[1]), "margin without features");
      ar.check(self.dense_.size() == self.classes_ * fields || (self.dense_.empty() && d == 0), "dense weights");
      for (const auto& column : self.dense_) ar.check(column.size() == d, "dense weights of a class");
      for (std::size_t c = 0; c < self.classes_; ++c)
        for (std::size_t j = 0; j < d; ++j) ar.check(MultiRate::sound(self.dense_cell(c, j)), "dense weight");
      ar.check(self.scale_.size() == d, "scales");
      self.nominal_.bind(self.schema_);
      ar.check(self.table_.empty() != self.needs_table(), "table");
      self.set_up();
    }
  }

 private:
  static constexpr float largest_margin = 30.0F;
  static constexpr float largest_step = 4.0F;

  bool needs_table() const noexcept { return schema_.has_hashed() || !nominal_.empty(); }

  void set_up() {
    dense_.resize(classes_ * fields);
    for (auto& column : dense_) column.resize(schema_.dense_size(), 0.0F);
    nominal_.bind(schema_);
    energy_.assign(classes_, 0.0F);
    if (!needs_table()) return;
    table_.allocate(options_.bits, classes_);
    merged_.reserve(256 + nominal_.size());
  }

  static float bounded(float margin) noexcept { return is_finite(margin) ? std::clamp(margin, -largest_margin, largest_margin) : 0.0F; }

  /// Calls use(class, expert, margin) for every one of them, cut to what a margin may be.
  template <class Use>
  void each_margin(const Features& x, Use use) const noexcept {
    const std::size_t d = dense_.empty() ? 0 : std::min(x.dense.size(), schema_.dense_size());
    for (std::size_t c = 0; c < classes_; ++c) {
      std::array<float, lanes> sums{};
      if (d > 0) {
        const auto* weights = dense_.data() + c * fields;
        scale_.dots(std::array{weights[0].data(), weights[1].data(), weights[2].data()}, x.dense.data(), d, sums);
      }
      for (std::size_t k = 0; k < lanes; ++k) {
        float margin = intercept_[c][k] + sums[k];
        if (!table_.empty()) {
          for (const SparseFeature& feature : x.sparse) margin += table_.row(feature.index, classes_)[c].fields[k] * feature.value;
          nominal_.each(x.dense.first(d),
                        [&](std::size_t /*place*/, std::uint32_t index) { margin += table_.row(index, classes_)[c].fields[k]; });
        }
        use(c, k, bounded(margin));
      }
      use(c, lanes, bounded(base_[c][0]));
    }
  }

  /// Margins, one in `stride`, to probabilities.
  static void normalise(std::span<float> p, std::size_t stride) noexcept {
    float highest = p[0];
    for (std::size_t i = 0; i < p.size(); i += stride) highest = std::max(highest, p[i]);
    float sum = 0.0F;
    for (std::size_t i = 0; i < p.size(); i += stride) sum += p[i] = math::exp(p[i] - highest);
    for (std::size_t i = 0; i < p.size(); i += stride) p[i] /= sum;
  }

  void update(const Features& x, std::size_t label, float weight) noexcept {
    each_margin(x, [&](std::size_t c, std::size_t k, float margin) { margins_[c * experts + k] = margin; });
    gradient_ = margins_;
    for (std::size_t k = 0; k < lanes; ++k) {
      normalise(std::span<float>(gradient_).subspan(k), experts);
      gradient_[label * experts + k] -= 1.0F;
    }
    mix(label, weight);

    scale_.observe(x.dense.data());
    nominal_.blank(scale_.values());
    std::span<const SparseFeature> sparse;
    if (!table_.empty()) sparse = merged_(x.sparse, nominal_.features(x.dense), table_.mask());
    const MultiRate optimizer = options_.optimizer.adapted(size_);
    float square = 0.0F;
    for (std::size_t c = 0; c < classes_; ++c) square = descend(c, weight, sparse, optimizer);
    size_.count(square);
    auto& [base, count] = base_[label];
    count = std::min(count + weight, detail::largest_energy);
    base = math::log(0.5F + count);  // the frequency, with half a label more of each class
  }

  /// Counts the mixture's squared gradients for `descend` and moves the mixture.
  void mix(std::size_t label, float weight) noexcept {
    const auto shares = mixture_.shares();
    for (std::size_t c = 0; c < classes_; ++c) {
      energy_[c] = 0.0F;
      for (std::size_t k = 0; k < experts; ++k) energy_[c] += shares[k] * margins_[c * experts + k];
    }
    // energy_ holds the mixed margins for a moment, then their gradients, then what they are for.
    std::array<float, experts> slope{};
    std::array<float, most_classes> mixed;  // NOLINT(cppcoreguidelines-pro-type-member-init): its beginning is copied, then read
    std::copy(energy_.begin(), energy_.end(), mixed.begin());
    normalise(energy_, 1);
    energy_[label] -= 1.0F;
    for (std::size_t c = 0; c < classes_; ++c)
      for (std::size_t k = 0; k < experts; ++k) slope[k] += energy_[c] * (margins_[c * experts + k] - mixed[c]);
    mixture_.learn(slope, weight, options_.optimizer.options().mixing);
    for (float& value : energy_) value = std::min(weight * value * value, detail::largest_energy);
  }

  /// One step of the weights of one class; returns the sum of the example's squared values, which all classes share.
  float descend(std::size_t c, float weight, std::span<const SparseFeature> sparse, const MultiRate& optimizer) noexcept {
    const std::size_t d = scale_.size();
    const float* value = scale_.values();
    const float* before = scale_.before();
    const float* inverse = scale_.inverse();
    detail::Sensitivity<MultiRate::rate_count> s;
    for (std::size_t j = 0; j < d; ++j) {
      Cell cell = dense_cell(c, j);
      MultiRate::accumulate(cell, value[j], energy_[c]);
      dense_[c * fields + lanes][j] = cell[lanes];
      s.add(optimizer.rates(cell, 1.0F), value[j]);
    }
    for (const SparseFeature& feature : sparse) {
      Cell& cell = table_.row(feature.index, classes_)[c].fields;
      MultiRate::accumulate(cell, feature.value, energy_[c]);
      s.add(optimizer.rates(cell, 1.0F), feature.value);
    }
    MultiRate::accumulate(intercept_[c], 1.0F, energy_[c]);
    s.add(optimizer.rates(intercept_[c], 1.0F), 1.0F);

    const MultiRate::Options& rates = optimizer.options();
    const float* g = gradient_.data() + c * experts;
    const auto step = [&](float time, float per, float gradient) { return -std::min(time * weight * per, largest_step) * gradient / per; };
    MultiRate::Plan plan;
    plan.step = {step(1.0F, s.adaptive[0], g[0]), step(rates.bold, s.adaptive[1], g[1]),
                 -std::min(rates.fast * weight, largest_step) * g[2] / s.plain};
    for (std::size_t j = 0; j < d; ++j) {
      Cell cell = dense_cell(c, j);
      const auto pull = pulls_of(optimizer, cell, value[j]);
      for (std::size_t k = 0; k < lanes; ++k) cell[k] *= before[j];
      MultiRate::apply(cell, value[j], pull, plan, true);
      for (std::size_t k = 0; k < lanes; ++k) dense_[c * fields + k][j] = detail::clamp_weight(cell[k] * inverse[j]);
    }
    for (const SparseFeature& feature : sparse) {
      Cell& cell = table_.row(feature.index, classes_)[c].fields;
      MultiRate::apply(cell, feature.value, pulls_of(optimizer, cell, feature.value), plan, true);
    }
    MultiRate::apply(intercept_[c], 1.0F, pulls_of(optimizer, intercept_[c], 1.0F), plan, false);
    return s.plain;
  }

  static std::array<float, MultiRate::rate_count> pulls_of(const MultiRate& optimizer, const Cell& cell, float z) noexcept {
    auto pulls = optimizer.rates(cell, 1.0F);
    for (float& pull : pulls) pull *= z;
    return pulls;
  }

  Cell dense_cell(std::size_t c, std::size_t j) const noexcept {
    Cell cell{};
    for (std::size_t k = 0; k < fields; ++k) cell[k] = dense_[c * fields + k][j];
    return cell;
  }

  Options options_;
  std::size_t classes_ = 0;
  Schema schema_;
  std::vector<Cell> intercept_;            // [classes]
  std::vector<Base> base_;                 // [classes] of the expert that knows no features
  std::vector<std::vector<float>> dense_;  // [classes x fields][d]
  detail::ColumnScale scale_;
  detail::HashedTable<fields> table_;
  detail::Mixture<experts> mixture_;
  MultiRate::ExampleSize size_;
  std::uint64_t refused_ = 0;

  detail::NominalCodes nominal_;
  detail::Merged merged_;        // the rest is scratch of learn
  std::vector<float> margins_;   // [classes, experts]
  std::vector<float> gradient_;  // [classes, experts]
  std::vector<float> energy_;    // [classes]
};

}  // namespace rtml
