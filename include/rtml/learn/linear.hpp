#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/learn/detail/column_scale.hpp"
#include "rtml/learn/detail/gathered_weights.hpp"
#include "rtml/learn/detail/hashed_table.hpp"
#include "rtml/learn/detail/label_scale.hpp"
#include "rtml/learn/detail/merged.hpp"
#include "rtml/learn/detail/nominal_codes.hpp"
#include "rtml/learn/losses.hpp"
#include "rtml/learn/optimizers.hpp"

namespace rtml {

/// A linear model of dense and hashed features that learns one example at a time, for any pair of a loss (losses.hpp) and an optimizer
/// (optimizers.hpp). As constructed it needs no tuning: see LogisticRegression and LinearRegression.
///
/// - Dense columns are scaled inside, by their root mean square: their unit does not matter. Missing (NaN) values contribute nothing.
///   Nominal dense columns are hashed, code by code, into the table.
/// - Hashed features share a table of 2^bits weights, index & (2^bits - 1); repeated indices add up. Their values are taken as they come:
///   keep them near 1, as categories are. Without hashed or nominal columns in the schema there is no table, and they are ignored.
/// - Importance: under Sgd and hashed features, weight 2 is the example twice, up to rounding. Under AdaGrad, and with dense columns (whose
///   scales count an example once), nearly so. MultiRate's mixture judges an example once, before the step: shown twice it would favour
///   what remembers best. Under FTRL the gradient counts twice.
/// - L1 and L2 shrink every weight but the intercept after each example, w = soft(w e^(-rate l2 weight), rate l1 weight): hashed weights
///   lazily, with the same result. FTRL has its own, from its source. Penalties act on scaled columns and in the label's unit.
/// - A label outside the loss's domain is refused and counted. Weights stay finite for ever.
///
/// Cost: O(d + nnz) both; neither allocates (learn grows its buffers when an example has more than 256 sparse features, and more than all before).
/// Thread safety: `predict` and `contributions` from any number of threads while nobody learns.
template <class Loss, class Optimizer = MultiRate>
class Linear {
  static constexpr std::size_t lanes = Optimizer::lanes;
  static constexpr std::size_t fields = Optimizer::fields;
  static constexpr std::size_t rate_count = Optimizer::rate_count;
  static constexpr std::size_t usual_features = 256;  // of an example, for which there is room from the beginning
  using Cell = std::array<float, fields>;
  using Kernels = detail::LinearKernels<Optimizer>;
  using Block = detail::WeightBlock<Optimizer>;
  using Sensitivity = detail::Sensitivity<rate_count>;
  using Margins = std::array<float, lanes>;

 public:
  static constexpr std::string_view name = std::same_as<Loss, Squared> ? std::string_view("linear") : Loss::name;

  struct Options {
    Loss loss = {};
    Optimizer optimizer = {};
    unsigned bits = 18;  ///< 2^bits hashed weights, in [1, 30]
    float l1 = 0.0F;     ///< in [0, 1e3]
    float l2 = 0.0F;     ///< in [0, 1e3]
  };

  Linear() : Linear(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit Linear(const Options& options) : options_(options) {
    require("Linear", "bits", options.bits, options.bits >= 1 && options.bits <= 30, "in [1, 30]");
    require("Linear", "l1", options.l1, options.l1 >= 0.0F && options.l1 <= 1e3F, "in [0, 1000]");
    require("Linear", "l2", options.l2, options.l2 >= 0.0F && options.l2 <= 1e3F, "in [0, 1000]");
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError(std::string(name) + " learned from other features: " + *missing));
    for (auto& column : dense_) column = detail::moved_to(schema, schema_, column);
    scale_.bind(schema, schema_);
    schema_ = schema;
    set_up();
  }

  const Schema& schema() const noexcept { return schema_; }
  std::uint64_t fingerprint() const noexcept { return schema_.fingerprint(); }
  const Options& options() const noexcept { return options_; }
  Task task() const noexcept { return Loss::task; }
  std::uint64_t refused() const noexcept { return refused_; }

  /// From where a binary prediction says 1: 0 for a margin (hinge, which has no probability), else 1/2.
  float threshold() const noexcept { return std::same_as<Loss, Hinge> ? 0.0F : 0.5F; }

  float predict(Features x) const noexcept { return evaluate(x).prediction; }

  float learn(Features x, float y, float weight = 1.0F) noexcept {
    if (!is_usable(x, y, weight) || !Loss::accepts(y) || x.dense.size() != schema_.dense_size()) {
      ++refused_;
      return predict(x);
    }
    if (weight == 0.0F) return predict(x);
    const Step step = prepare(x);  // before the margin, whose arithmetic then goes on beside what this stores
    const Evaluation before = evaluate(x);
    update(step, y, weight, before);
    return before.prediction;
  }

  /// Fetches the weights of an example that will be learned or predicted soon: of big tables, most of the cost is to wait for memory.
  void prefetch(Features x) const noexcept {
    if (table_.empty()) return;
    for (const SparseFeature& feature : x.sparse) table_.prefetch(feature.index);
  }

  /// What each dense column and sparse feature adds to the margin; returns the intercept. The margin is then cut to what the loss allows.
  /// @pre dense.size() == x.dense.size(), sparse.size() == x.sparse.size()
  float contributions(Features x, std::span<float> dense, std::span<float> sparse) const noexcept {
    const auto shares = mixture_.shares();
    float intercept = 0.0F;
    for (std::size_t k = 0; k < lanes; ++k) intercept += shares[k] * intercept_[k];
    for (std::size_t j = 0; j < dense.size(); ++j) {
      dense[j] = 0.0F;
      if (j >= schema_.dense_size() || is_nan(x.dense[j])) continue;
      for (std::size_t k = 0; k < lanes; ++k) dense[j] += shares[k] * dense_[k][j] * x.dense[j];
    }
    nominal_.each(x.dense, [&](std::size_t place, std::uint32_t index) { dense[place] = mixed_weight(index); });
    for (std::size_t i = 0; i < sparse.size(); ++i) sparse[i] = table_.empty() ? 0.0F : mixed_weight(x.sparse[i].index) * x.sparse[i].value;
    return intercept;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + table_.memory_bytes() + scale_.memory_bytes() +
                        merged_.memory_bytes() + nominal_.memory_bytes();
    for (const auto& column : dense_) bytes += column.capacity() * sizeof(float);
    for (const auto& pull : pulls_) bytes += pull.capacity() * sizeof(float);
    return bytes + relative_.capacity() * sizeof(float) + gathered_.memory_bytes();
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Linear", 1);
    std::string loss(Loss::name);
    std::string optimizer(Optimizer::name);
    ar(loss, optimizer);
    ar.check(loss == Loss::name && optimizer == Optimizer::name, "loss or optimizer (saved: of another learner)");
    unsigned bits = self.options_.bits;
    ar(self.options_.loss, self.options_.optimizer, bits, self.options_.l1, self.options_.l2);
    ar.check(bits == self.options_.bits, "bits (saved: a table of another size)");
    ar.check(self.options_.l1 >= 0.0F && self.options_.l1 <= 1e3F && self.options_.l2 >= 0.0F && self.options_.l2 <= 1e3F, "l1 or l2");
    ar(self.schema_, self.intercept_, self.dense_, self.scale_);
    detail::HashedTable<fields>::archive(self.table_, ar, Optimizer::sound, bits);
    ar(self.mixture_, self.labels_, self.largest_count_, self.shrink_, self.gravity_, self.refused_);
    if constexpr (Ar::reading) {
      ar.check(Optimizer::sound(self.intercept_), "intercept");
      for (const auto& column : self.dense_) ar.check(column.size() == self.schema_.dense_size(), "dense weights");
      for (std::size_t j = 0; j < self.schema_.dense_size(); ++j) {
        Cell cell;
        for (std::size_t k = 0; k < fields; ++k) cell[k] = self.dense_[k][j];
        ar.check(Optimizer::sound(cell), "dense weight");
      }
      ar.check(self.scale_.size() == self.schema_.dense_size(), "scales");
      ar.check(is_usable(self.largest_count_) && self.largest_count_ >= 0.0F, "largest count");
      self.nominal_.bind(self.schema_);
      ar.check(self.table_.empty() != self.needs_table(), "table");
      ar.check(self.shrink_ >= 1e-6F && self.shrink_ <= 1.0F && self.gravity_ >= 0.0F && is_finite(self.gravity_), "lazy penalties");
      self.set_up();
    }
  }

 private:
  struct Evaluation {
    Margins margins{};
    float margin = 0.0F;
    float prediction = 0.0F;
  };

  /// Every weight of an example, made ready to move.
  struct Step {
    std::span<const SparseFeature> sparse;
    Block gathered;  // theirs and the intercept's
    Block dense;
  };

  bool needs_table() const noexcept { return schema_.has_hashed() || !nominal_.empty(); }

  /// What follows from the schema.
  void set_up() {
    for (auto& column : dense_) column.resize(schema_.dense_size(), 0.0F);
    for (auto& pull : pulls_) pull.assign(schema_.dense_size(), 0.0F);
    if (Optimizer::scales_itself) relative_.assign(schema_.dense_size(), 0.0F);
    nominal_.bind(schema_);
    if (needs_table()) table_.allocate(options_.bits);
    const std::size_t usual = needs_table() ? usual_features + nominal_.size() : 0;
    merged_.reserve(usual);
    gathered_.reserve(usual);
    bound_margins();
  }

  bool penalised() const noexcept { return !Optimizer::penalises_itself && (options_.l1 > 0.0F || options_.l2 > 0.0F); }

  static float soft(float w, float threshold) noexcept { return w - detail::cut(w, threshold); }

  /// A stored hashed weight as it stands after the penalties since it was stored.
  float now(float stored, bool lazily) const noexcept { return lazily ? soft(stored, gravity_) * shrink_ : stored; }

  void wake(Cell& cell) const noexcept {
    for (std::size_t k = 0; k < lanes; ++k) cell[k] = now(cell[k], true);
  }
  void lay_down(Cell& cell) const noexcept {
    for (std::size_t k = 0; k < lanes; ++k)
      if (cell[k] != 0.0F) cell[k] = detail::clamp_weight(cell[k] / shrink_ + std::copysign(gravity_, cell[k]));
  }

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

  float mixed_weight(std::uint32_t index) const noexcept {
    const auto shares = mixture_.shares();
    const Cell& cell = table_[index];
    float sum = 0.0F;
    for (std::size_t k = 0; k < lanes; ++k) sum += shares[k] * now(cell[k], penalised());
    return sum;
  }

  float bounded(float margin) const noexcept { return is_finite(margin) ? std::clamp(margin, lowest_, highest_) : center_; }

  /// Out of line, so that predict and learn run the same instructions and agree to the bit.
  [[gnu::noinline]] Evaluation evaluate(Features x) const noexcept {
    Evaluation e;
    const std::size_t d = std::min(x.dense.size(), schema_.dense_size());
    for (std::size_t k = 0; k < lanes; ++k)
      e.margins[k] = intercept_[k] + (d == 0 ? 0.0F : kernels::dot_present(dense_[k].data(), x.dense.data(), d));
    if (!table_.empty()) {
      add_margins(x.sparse, e.margins);
      const bool lazily = penalised();
      nominal_.each(x.dense, [&](std::size_t /*place*/, std::uint32_t index) {
        const Cell& cell = table_[index];
        for (std::size_t k = 0; k < lanes; ++k) e.margins[k] += now(cell[k], lazily);
      });
    }
    for (float& margin : e.margins) margin = bounded(margin);
    e.margin = mixture_.mix(e.margins);
    e.prediction = Loss::predict(e.margin);
    return e;
  }

  /// Adds what hashed features give; four sums side by side, as an addition need not wait for the one before.
  void add_margins(std::span<const SparseFeature> sparse, Margins& margins) const noexcept {
    const std::size_t n = sparse.size();
    if (penalised()) {
      for (const SparseFeature& feature : sparse) {
        const Cell& cell = table_[feature.index];
        for (std::size_t k = 0; k < lanes; ++k) margins[k] += now(cell[k], true) * feature.value;
      }
    } else {
      // All fields of a cell of four at once: what is no weight is summed for nothing.
      using Sum = std::conditional_t<fields == 4 && lanes != 1, kernels::detail::Quad, Margins>;
      std::array<Sum, 4> sums{};
      const auto add = [&](Sum& sum, const SparseFeature& feature) {
        Sum weights;  // NOLINT(cppcoreguidelines-pro-type-member-init): copied into
        std::memcpy(&weights, table_[feature.index].data(), sizeof(Sum));
        if constexpr (std::same_as<Sum, Margins>) {
          for (std::size_t k = 0; k < lanes; ++k) sum[k] += weights[k] * feature.value;
        } else {
          sum += weights * feature.value;
        }
      };
      std::size_t i = 0;
      for (; i + 4 <= n; i += 4)
        for (std::size_t side = 0; side < 4; ++side) add(sums[side], sparse[i + side]);
      for (; i < n; ++i) add(sums[i % 4], sparse[i]);
      for (std::size_t k = 0; k < lanes; ++k) margins[k] += (sums[0][k] + sums[1][k]) + (sums[2][k] + sums[3][k]);
    }
  }

  void update(const Step& step, float y, float weight, const Evaluation& before) noexcept {
    detail::LinearExample<lanes> example;
    example.weight = weight;
    example.margins = before.margins;
    example.y = y;
    if constexpr (Loss::scaled) {
      if (labels_.empty()) options_.optimizer.start(intercept_, y);
      labels_.observe(y);
      bound_margins();
      if (labels_.unit() <= 0.0) return;  // all labels were equal, and the intercept is that
      const auto in_units = [&](float value) { return static_cast<float>((static_cast<double>(value) - labels_.mean()) / labels_.unit()); };
      for (float& margin : example.margins) margin = in_units(margin);
      example.y = in_units(y);
      example.unit = static_cast<float>(labels_.unit());
      if constexpr (Loss::dispersed) example.dispersion = mixture_.dispersion();
    }
    if constexpr (Loss::counts) {
      largest_count_ = std::max(largest_count_, y);
      bound_margins();
    }
    example.margin = mixture_.mix(example.margins);
    example.gradient = options_.loss.gradient(example.margin, example.y);
    descend(step, example);
    mixture_.learn(example, options_.optimizer);
    if (penalised()) penalise(example);
  }

  Step prepare(Features x) noexcept {
    const auto sparse = sparse_of(x);
    return {sparse, gather(sparse), dense_block(x)};
  }

  Block gather(std::span<const SparseFeature> sparse) noexcept {
    Block block = gathered_.gather(table_, sparse, intercept_);
    if (penalised())
      for (std::size_t k = 0; k < lanes; ++k)
        for (std::size_t i = 0; i < sparse.size(); ++i) block.fields[k][i] = now(block.fields[k][i], true);
    return block;
  }

  void descend(const Step& step, const detail::LinearExample<lanes>& example) noexcept {
    const Optimizer& optimizer = options_.optimizer;
    const float energy = std::min(example.weight * example.gradient * example.gradient, detail::largest_energy);
    Sensitivity s;
    for (const Block* block : {&step.dense, &step.gathered}) {
      if (block->n == 0) continue;
      Kernels::accumulate(optimizer, *block, energy, example.dispersion);
      for (std::size_t r = 0; r < rate_count; ++r) s.adaptive[r] += kernels::dot(block->pulls[r], block->z, block->n);
      const float* size = Optimizer::scales_itself ? block->relative : block->z;
      s.plain += kernels::dot(size, size, block->n);
    }
    const auto plan = optimizer.plan(options_.loss, example, s, {options_.l1, options_.l2}, mixture_);
    for (const Block* block : {&step.dense, &step.gathered})
      if (block->n != 0) Kernels::apply(optimizer, *block, plan);
    gathered_.scatter(table_, step.sparse, intercept_);
    if (penalised())
      for (const SparseFeature& feature : step.sparse) lay_down(table_[feature.index]);
  }

  /// The example's sparse features, each index once, and the codes of its nominal columns.
  std::span<const SparseFeature> sparse_of(Features x) noexcept {
    if (table_.empty()) return {};
    return merged_(x.sparse, nominal_.features(x.dense), table_.mask());
  }

  Block dense_block(Features x) noexcept {
    Block block;
    block.n = block.penalised = scale_.size();
    if constexpr (Optimizer::scales_itself) {
      scale_.pass(x.dense.data());
      block.relative = relative_.data();
    } else {
      scale_.observe(x.dense.data());
      block.before = scale_.before();
      block.inverse = scale_.inverse();
    }
    nominal_.blank(scale_.values());
    block.z = scale_.values();
    for (std::size_t k = 0; k < fields; ++k) block.fields[k] = dense_[k].data();
    for (std::size_t r = 0; r < rate_count; ++r) block.pulls[r] = pulls_[r].data();
    return block;
  }

  /// Dense weights now, hashed ones when they are next looked at.
  void penalise(const detail::LinearExample<lanes>& example) noexcept {
    const float time = example.weight * options_.optimizer.penalty_rate();
    const float kept = math::exp(-options_.l2 * time);
    const float cut = options_.l1 * time * example.unit;
    for (std::size_t k = 0; k < lanes; ++k)
      for (std::size_t j = 0; j < scale_.size(); ++j)
        dense_[k][j] = soft(dense_[k][j] * kept, Optimizer::scales_itself ? cut : cut * scale_.inverse()[j]);
    if (table_.empty()) return;
    shrink_ = std::max(shrink_ * kept, 1e-30F);
    gravity_ = std::min(gravity_ + cut / shrink_, detail::largest_weight);
    if (shrink_ >= 1e-6F && gravity_ <= 1e3F * example.unit) return;
    for (auto& cell : table_.cells()) wake(cell.fields);
    shrink_ = 1.0F;
    gravity_ = 0.0F;
  }

  Options options_;
  Schema schema_;
  Cell intercept_{};
  std::array<std::vector<float>, fields> dense_;  // field by field [d]
  detail::ColumnScale scale_;
  detail::HashedTable<fields> table_;
  typename Optimizer::State mixture_;
  detail::LabelScale labels_;
  float largest_count_ = 0.0F;  // of labels that are counts
  float shrink_ = 1.0F;         // lazy L2: a stored hashed weight w stands for soft(w, gravity_) * shrink_
  float gravity_ = 0.0F;        // lazy L1
  std::uint64_t refused_ = 0;

  float lowest_ = 0.0F;  // what margins are cut to, and stand for when they are not finite
  float highest_ = 0.0F;
  float center_ = 0.0F;
  detail::NominalCodes nominal_;
  detail::Merged merged_;  // the rest is scratch of learn
  detail::GatheredWeights<Optimizer> gathered_;
  std::array<std::vector<float>, rate_count> pulls_;  // [d], as relative_
  std::vector<float> relative_;
};

/// P(y = 1) of labels 0 and 1. See docs of Linear; needs no tuning.
using LogisticRegression = Linear<Logistic>;
/// The mean of a number.
using LinearRegression = Linear<Squared>;
/// A quantile of a number, by default its median: what keeps absolute errors small.
using QuantileRegression = Linear<Quantile>;
/// The mean of a count.
using PoissonRegression = Linear<Poisson>;
/// A linear support vector machine: its prediction is a margin, decided at 0.
using LinearSvm = Linear<Hinge>;

}  // namespace rtml
