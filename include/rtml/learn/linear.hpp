#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
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
#include "rtml/learn/detail/hashed_margins.hpp"
#include "rtml/learn/detail/hashed_weights.hpp"
#include "rtml/learn/detail/interactions.hpp"
#include "rtml/learn/detail/linear_front.hpp"
#include "rtml/learn/detail/mean_margin.hpp"
#include "rtml/learn/detail/merged.hpp"
#include "rtml/learn/detail/nominal_codes.hpp"
#include "rtml/learn/losses.hpp"
#include "rtml/learn/optimizers.hpp"

namespace rtml {

template <class Learner>
class Shared;

/// A linear model of dense and hashed features that learns one example at a time, for any pair of a loss (losses.hpp) and an optimizer
/// (optimizers.hpp) that suit each other. As constructed it needs no tuning: see LogisticRegression and LinearRegression.
///
/// - Dense columns are scaled inside, by their root mean square: their unit does not matter. Missing (NaN) values contribute nothing.
///   Nominal dense columns are hashed, code by code, into the table.
/// - Hashed features share a table of 2^bits weights, index & (2^bits - 1); repeated indices add up. The value of a category is 1; once another
///   comes, the default optimizer keeps a scale for each feature, as for a dense column (8 bytes a weight more, allocated then). The others
///   take hashed values as they come. Without hashed or nominal columns in the schema there is no table, and they are ignored.
/// - Importance: of hashed features, under Sgd at a constant rate or PassiveAggressive with linear slack, weight 2 is the example twice, up
///   to rounding. Under AdaGrad, and with dense columns or a regression's labels (whose scales count an example once), nearly so. MultiRate's mixture judges an
///   example once, before the step: shown twice it would favour what remembers best. Under FTRL, Adam and CoinBetting the gradient counts
///   twice.
/// - L1 and L2 shrink every weight but the intercept after each example, w = soft(w e^(-rate l2 weight), rate l1 weight): hashed weights
///   lazily, with the same result. FTRL has its own, from its source; CoinBetting takes none. Penalties act on scaled columns and in the
///   label's unit.
/// - `interactions` are products of columns, hashed into the table while an example passes: (a, b), (a, b, c), up to eight. Numeric columns
///   enter by their scaled value, nominal ones by code, hashed ones by the features that Context::fields says are theirs (their place
///   among the schema's hashed columns, for each sparse feature; without it such an example is refused).
/// - A label outside the loss's domain is refused and counted. Weights stay finite for ever.
///
/// Cost: O(d + nnz) both, and what interactions make. predict never allocates; learn does when an example has more sparse features and
/// products than all before, where those are more than 256 or products, and, by the default optimizer, when the first hashed value comes
/// that is not 1. Restored from a mapped checkpoint (load with an owner), predict reads the weights where they lie in the file, which
/// processes share; the first learn copies them.
/// Thread safety: one owner; `predict` and `contributions` from any number of threads while nobody learns. See Shared for more.
template <class Loss, class Optimizer = MultiRate>
requires detail::Suits<Loss, Optimizer>
class Linear {
  static constexpr std::size_t lanes = Optimizer::lanes;
  static constexpr std::size_t fields = Optimizer::fields;
  static constexpr std::size_t rate_count = Optimizer::rate_count;
  static constexpr bool scales_hashed = detail::scales_hashed<Optimizer>();
  static constexpr std::size_t usual_features = 256;  // of an example, for which there is room from the beginning
  using Cell = std::array<float, fields>;
  using Front = detail::LinearFront<Loss, Optimizer>;
  using Table = detail::HashedWeights<fields>;
  using Kernels = detail::LinearKernels<Optimizer>;
  using Block = detail::WeightBlock<Optimizer>;
  using Sums = std::array<float, lanes>;
  using Margins = typename Front::Margins;
  using Example = detail::LinearExample<Optimizer::State::experts>;
  using Fields = std::span<const std::uint32_t>;

 public:
  static constexpr std::string_view name = std::same_as<Loss, Squared> ? std::string_view("linear") : Loss::name;

  struct Options {
    Loss loss = {};
    Optimizer optimizer = {};
    unsigned bits = 18;                                       ///< 2^bits hashed weights, in [1, 30]
    float l1 = 0.0F;                                          ///< in [0, 1e3]
    float l2 = 0.0F;                                          ///< in [0, 1e3]
    std::vector<std::vector<std::string>> interactions = {};  ///< products of 2 to 8 columns, by name
  };

  Linear() : Linear(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range, or a penalty is not 0 that the optimizer does not take.
  explicit Linear(Options options) : options_(std::move(options)) {
    require("Linear", "bits", options_.bits, options_.bits >= 1 && options_.bits <= 30, "in [1, 30]");
    require("Linear", "l1", options_.l1, options_.l1 >= 0.0F && options_.l1 <= 1e3F, "in [0, 1000]");
    require("Linear", "l2", options_.l2, options_.l2 >= 0.0F && options_.l2 <= 1e3F, "in [0, 1000]");
    detail::require_penalties<Optimizer>({options_.l1, options_.l2});
    detail::Interactions::require_sizes(options_.interactions);
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column; ConfigError when it has no column that `interactions` name.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError(std::string(name) + " learned from other features: " + *missing));
    interactions_.bind(options_.interactions, schema);
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

  float predict(const Features& x) const noexcept { return evaluate(x, {}); }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept { return learn_in<detail::OwnAccess>(table_, x, y, weight, {}); }

  /// Whether predict_rows has something to save: there are dense columns only.
  bool predicts_rows() const noexcept { return !Optimizer::scales_itself && table_.empty(); }

  /// out[r] = predict of the dense row r at rows + r * stride (floats), for r in [0, n), each with `columns` values, to the same bits, in
  /// one
  /// pass over the rows. @pre predicts_rows()
  void predict_rows(const float* rows, std::ptrdiff_t stride, std::size_t columns, std::size_t n, float* out) const noexcept {
    constexpr std::size_t tile = 256;
    std::array<const float*, lanes> w{};
    for (std::size_t k = 0; k < lanes; ++k) w[k] = dense_[k].data();
    const std::size_t d = std::min(columns, schema_.dense_size());
    std::array<Sums, tile> sums{};
    Margins margins;
    for (std::size_t begin = 0; begin < n; begin += tile) {
      const std::size_t count = std::min(tile, n - begin);
      if (d > 0) scale_.dots_of_rows(w, rows + static_cast<std::ptrdiff_t>(begin) * stride, stride, count, d, sums[0].data());
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t k = 0; k < lanes; ++k) sums[r][k] += front_.intercept[k];
        out[begin + r] = answer(front_, sums[r], margins);
      }
      if (d == 0) sums = {};
    }
  }

  /// `context.fields` says to which hashed column each sparse feature belongs, where `interactions` have such columns.
  float predict(const Features& x, const Context& context) const noexcept { return evaluate(x, context.fields); }
  float learn(const Features& x, float y, float weight, const Context& context) noexcept {
    return learn_in<detail::OwnAccess>(table_, x, y, weight, context.fields);
  }

  /// Fetches the weights of an example that will be learned or predicted soon: of big tables, most of the cost is to wait for memory.
  void prefetch(const Features& x) const noexcept {
    if (table_.empty()) return;
    table_.prefetch(x.sparse);
  }

  /// Calls use(cell) for every cell of the hashed table, in [0, 2^bits), that learning the example now may change; some more than once.
  template <class Use>
  void each_cell(const Features& x, const Context& context, Use use) const {
    if (table_.empty()) return;
    const std::uint32_t mask = table_.mask();
    for (const SparseFeature& feature : x.sparse) use(feature.index & mask);
    nominal_.each(x.dense, [&](std::size_t /*place*/, std::uint32_t index) { use(index & mask); });
    each_interaction(x, context.fields, OwnDense{*this, x}, [&](std::uint32_t index, float /*value*/) { use(index & mask); });
  }

  /// Makes this copy the equal of `newer`, which learned since in no other `cells` of its table. O(d + cells); O(2^bits) when scales of
  /// hashed
  /// values came into use since, or lazy penalties were worked in.
  void catch_up(const Linear& newer, std::span<const std::uint32_t> cells) {
    table_.own();
    if (sweeps_ != newer.sweeps_ || scales_in_use<detail::OwnAccess>(table_) != scales_in_use<detail::OwnAccess>(newer.table_)) {
      *this = newer;
      return;
    }
    front_ = newer.front_;
    dense_ = newer.dense_;
    scale_ = newer.scale_;
    shrink_ = newer.shrink_;
    gravity_ = newer.gravity_;
    refused_ = newer.refused_;
    table_.take(newer.table_, cells);
  }

  /// What each dense column and sparse feature adds to the margin; returns the intercept and what interactions of dense columns add. The
  /// margin is then cut to what the loss allows.
  /// @pre dense.size() == x.dense.size(), sparse.size() == x.sparse.size()
  float contributions(const Features& x, std::span<float> dense, std::span<float> sparse) const noexcept {
    const auto shares = front_.mixture.shares();
    float intercept = front_.mixed_intercept();
    for (std::size_t j = 0; j < dense.size(); ++j) {
      dense[j] = 0.0F;
      if (j >= schema_.dense_size() || is_nan(x.dense[j])) continue;
      const float value = Optimizer::scales_itself ? x.dense[j] : scale_.within(j, x.dense[j]);
      for (std::size_t k = 0; k < lanes; ++k) dense[j] += shares[k] * dense_[k][j] * value;
    }
    nominal_.each(x.dense, [&](std::size_t place, std::uint32_t index) { dense[place] = mixed_weight(index); });
    for (std::size_t i = 0; i < sparse.size(); ++i) sparse[i] = table_.empty() ? 0.0F : share_of(x.sparse[i].index, x.sparse[i].value);
    each_interaction(x, {}, OwnDense{*this, x}, [&](std::uint32_t index, float value) { intercept += share_of(index, value); });
    return intercept;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + table_.memory_bytes() + scale_.memory_bytes() +
                        merged_.memory_bytes() + nominal_.memory_bytes() + interactions_.memory_bytes() + gathered_.memory_bytes() +
                        (relative_.capacity() + made_.capacity() * 2) * sizeof(float);
    for (const auto& column : dense_) bytes += column.capacity() * sizeof(float);
    for (const auto& pull : pulls_) bytes += pull.capacity() * sizeof(float);
    return bytes;
  }

  /// Joins what another learned of other examples: each weight is the mean of both by the squared gradients that it met, which add up. So a
  /// weight that one of them hardly knows is the other's. The intercept keeps the mean margin where it was. Order-free up to rounding. Of optimizers that count squared gradients: the
  /// others have nothing to weigh by, and no merge.
  /// @throws SchemaError when the other learned from other columns, ConfigError when its options are others.
  void merge(const Linear& other) requires detail::WeighsGradients<Optimizer> {
    other.schema_.require_equal(schema_, name);
    require(name, "bits of what is merged", other.options_.bits, other.options_.bits == options_.bits, to_text(options_.bits));
    require(name, "interactions of what is merged", other.options_.interactions.size(),
            other.options_.interactions == options_.interactions, "equal");
    require(name, "l1 of what is merged", other.options_.l1, other.options_.l1 == options_.l1, to_text(options_.l1));
    require(name, "l2 of what is merged", other.options_.l2, other.options_.l2 == options_.l2, to_text(options_.l2));
    require(name, "loss of what is merged", Loss::name, other.options_.loss == options_.loss, "of equal options");
    require(name, "optimizer of what is merged", Optimizer::name, save(other.options_.optimizer) == save(options_.optimizer),
            "of equal options");
    detail::MeanMargin<Optimizer> means;
    means.add(front_.intercept);
    means.add(other.front_.intercept);
    front_.merge(other.front_, options_.optimizer);
    const Optimizer optimizer = detail::adapted(options_.optimizer, front_.mixture);
    const detail::Penalty penalty{options_.l1, options_.l2};
    for (std::size_t j = 0; j < schema_.dense_size(); ++j) {
      Cell mine = dense_cell(j);
      optimizer.merge(mine, other.dense_cell(j), front_.unit(), penalty, front_.mixture);
      for (std::size_t k = 0; k < fields; ++k) dense_[k][j] = mine[k];
    }
    scale_.merge(other.scale_);
    if (!table_.empty()) {
      table_.own();
      for (std::uint32_t i = 0; i <= table_.mask(); ++i) {
        Cell& mine = table_[i];
        Cell theirs = other.table_[i];
        for (std::size_t k = 0; k < lanes; ++k) {
          mine[k] = now(mine[k]);
          theirs[k] = other.now(theirs[k]);
        }
        means.add(mine);
        means.add(theirs);
        optimizer.merge(mine, theirs, front_.unit(), penalty, front_.mixture);
        means.remove(mine);
      }
      table_.scales.merge(other.table_.scales, options_.bits);
    }
    means.keep(optimizer, front_.intercept);
    shrink_ = 1.0F;
    gravity_ = 0.0F;
    refused_ += other.refused_;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Linear", 1);
    std::string loss(Loss::name);
    std::string optimizer(Optimizer::name);
    ar(loss, optimizer);
    ar.check(loss == Loss::name && optimizer == Optimizer::name, "loss or optimizer (saved: of another learner)");
    auto& o = self.options_;
    unsigned bits = o.bits;
    ar(o.loss, o.optimizer, bits, o.l1, o.l2, o.interactions);
    ar.check(bits == o.bits, "bits (saved: a table of another size)");
    ar.check(o.l1 >= 0.0F && o.l1 <= 1e3F && o.l2 >= 0.0F && o.l2 <= 1e3F, "l1 or l2");
    ar(self.schema_, self.front_, self.dense_, self.scale_);
    Table::archive(self.table_, ar, Optimizer::sound, bits);
    ar(self.shrink_, self.gravity_, self.refused_);
    if constexpr (Ar::reading) {
      for (const auto& column : self.dense_) ar.check(column.size() == self.schema_.dense_size(), "dense weights");
      for (std::size_t j = 0; j < self.schema_.dense_size(); ++j) ar.check(Optimizer::sound(self.dense_cell(j)), "dense weight");
      ar.check(self.scale_.size() == self.schema_.dense_size(), "scales");
      ar.check(detail::Interactions::fit(o.interactions, self.schema_), "interactions");
      self.nominal_.bind(self.schema_);
      ar.check(self.table_.empty() != self.needs_table(), "table");
      ar.check(self.shrink_ >= 1e-6F && self.shrink_ <= 1.0F && self.gravity_ >= 0.0F && is_finite(self.gravity_), "lazy penalties");
      self.set_up();
    }
  }

 private:
  friend class Shared<Linear>;

  Cell dense_cell(std::size_t j) const noexcept {
    Cell cell{};
    for (std::size_t k = 0; k < fields; ++k) cell[k] = dense_[k][j];
    return cell;
  }

  bool needs_table() const noexcept { return schema_.has_hashed() || !nominal_.empty() || !options_.interactions.empty(); }

  /// What follows from the schema.
  void set_up() {
    for (auto& column : dense_) column.resize(schema_.dense_size(), 0.0F);
    for (auto& pull : pulls_) pull.assign(schema_.dense_size(), 0.0F);
    if (Optimizer::scales_itself) relative_.assign(schema_.dense_size(), 0.0F);
    nominal_.bind(schema_);
    interactions_.bind(options_.interactions, schema_);
    made_.clear();
    if (!needs_table()) return;
    table_.allocate(options_.bits);
    merged_.reserve(usual_features + nominal_.size());
    gathered_.reserve(usual_features + nominal_.size());
  }

  /// The dense columns of an example, as their owner sees them.
  struct OwnDense {
    const Linear& model;
    const Features& x;
    Sums dots(std::size_t d) const noexcept {
      std::array<const float*, lanes> w{};
      for (std::size_t k = 0; k < lanes; ++k) w[k] = model.dense_[k].data();
      Sums sums;
      if constexpr (Optimizer::scales_itself) {
        for (std::size_t k = 0; k < lanes; ++k) sums[k] = kernels::dot_present(w[k], x.dense.data(), d);
      } else {
        model.scale_.dots(w, x.dense.data(), d, sums);
      }
      return sums;
    }
    float scaled(std::size_t place) const noexcept { return model.scale_.scaled(place, x.dense[place]); }
  };

  template <class Dense, class Use>
  void each_interaction(const Features& x, Fields of, const Dense& dense, Use use) const noexcept {
    if (interactions_.empty() || !interactions_.accepts(x, of)) return;
    interactions_.each(
        x, of, [&](std::size_t place) { return Optimizer::scales_itself ? x.dense[place] : dense.scaled(place); }, use);
  }

  // Lazy penalties: a stored hashed weight w stands for soft(w, gravity_) * shrink_.

  bool penalised() const noexcept { return !Optimizer::penalises_itself && (options_.l1 > 0.0F || options_.l2 > 0.0F); }
  static float soft(float w, float threshold) noexcept { return w - detail::cut(w, threshold); }
  float now(float stored) const noexcept { return penalised() ? soft(stored, gravity_) * shrink_ : stored; }
  float stored(float w) const noexcept { return w == 0.0F ? w : detail::clamp_weight(w / shrink_ + std::copysign(gravity_, w)); }

  float mixed_weight(std::uint32_t index) const noexcept {
    const auto shares = front_.mixture.shares();
    const Cell& cell = table_[index];
    float sum = 0.0F;
    for (std::size_t k = 0; k < lanes; ++k) sum += shares[k] * now(cell[k]);
    return sum;
  }

  float share_of(std::uint32_t index, float value) const noexcept {
    return mixed_weight(index) * within<detail::OwnAccess>(table_, index, value);
  }

  template <class Access>
  static bool scales_in_use(const Table& table) noexcept {
    return scales_hashed && table.scales.template in_use<Access>();
  }

  /// A hashed value as far from 0 as it counts.
  template <class Access>
  static float within(const Table& table, std::uint32_t index, float value) noexcept {
    if constexpr (scales_hashed) {
      if (table.scales.template in_use<Access>()) return table.scales.template within<Access>(index, value);
    }
    return value;
  }

  float evaluate(const Features& x, Fields of) const noexcept {
    Margins margins;
    return evaluate_in<detail::OwnAccess>(table_, front_, x, of, OwnDense{*this, x}, nullptr, margins);
  }

  /// The prediction, and the margins that it is of. Out of line, so that predict and learn run the same instructions and agree to the bit.
  /// `gathered`: what the sparse features weigh, if that is at hand.
  template <class Access, class Dense>
  [[gnu::noinline]] float evaluate_in(const Table& table, const Front& front, const Features& x, Fields of, const Dense& dense,
                                      const Block* gathered, Margins& margins) const noexcept {
    Sums sums{};
    const std::size_t d = std::min(x.dense.size(), schema_.dense_size());
    if (d > 0) sums = dense.dots(d);
    for (std::size_t k = 0; k < lanes; ++k) sums[k] += front.intercept[k];
    if (!table.empty()) {
      if (gathered != nullptr) {
        detail::add_gathered_margins<lanes>(gathered->fields.data(), gathered->z, x.sparse.size(), sums);
      } else {
        add_margins<Access>(table, x.sparse, sums);
      }
      const auto add = [&](std::uint32_t index, float value) {
        const Sums cell = table.template load<Access, lanes>(index);
        const float counted = within<Access>(table, index, value);
        for (std::size_t k = 0; k < lanes; ++k) sums[k] += now(cell[k]) * counted;
      };
      nominal_.each(x.dense, [&](std::size_t /*place*/, std::uint32_t index) { add(index, 1.0F); });
      each_interaction(x, of, dense, add);
    }
    return answer(front, sums, margins);
  }

  /// What margins make of sums over features and intercept. Out of line too: rows together and one alone run the same instructions.
  [[gnu::noinline]] static float answer(const Front& front, const Sums& sums, Margins& margins) noexcept {
    margins = front.margins(sums);
    return Loss::predict(front.mixture.mix(margins));
  }

  /// Adds what hashed features give, in a loop for each case.
  template <class Access>
  void add_margins(const Table& table, std::span<const SparseFeature> sparse, Sums& sums) const noexcept {
    const auto sum = [&](auto now, auto value) { detail::add_hashed_margins<Access, lanes>(table, sparse, sums, now, value); };
    const auto with_values = [&](auto now) {
      if (scales_in_use<Access>(table)) {
        sum(now, [&](const SparseFeature& feature) { return table.scales.template within<Access>(feature.index, feature.value); });
      } else {
        sum(now, [](const SparseFeature& feature) { return feature.value; });
      }
    };
    if (penalised()) {
      with_values([this](float stored) { return now(stored); });
    } else {
      with_values([](float stored) { return stored; });
    }
  }

  /// One example; hashed weights lie in `table`.
  template <class Access>
  float learn_in(Table& table, const Features& x, float y, float weight, Fields of) noexcept {
    Example example;
    const auto before = [&](const Block* gathered = nullptr) {
      return evaluate_in<Access>(table, front_, x, of, OwnDense{*this, x}, gathered, example.margins);
    };
    if (!is_usable(x, y, weight) || !Loss::accepts(y) || x.dense.size() != schema_.dense_size() || !interactions_.accepts(x, of)) {
      ++refused_;
      return before();
    }
    if (weight == 0.0F) return before();

    table.own();
    const auto sparse = table.empty() ? std::span<const SparseFeature>() : sparse_of(x, of);
    Block gathered = gather<Access>(table, sparse);
    const bool as_they_come = sparse.data() == x.sparse.data() && !scales_in_use<Access>(table);
    const float prediction = before(as_they_come ? &gathered : nullptr);
    example.weight = weight;
    if (!front_.observe(y, options_.optimizer, example)) return prediction;
    example.margin = front_.mixture.mix(example.margins);
    example.gradient = options_.loss.gradient(example.margin, example.y);

    if constexpr (scales_hashed) {
      using Scales = detail::HashedScales;
      if (!table.empty() && (table.scales.template in_use<Access>() || !Scales::are_units(x.sparse) || !Scales::are_units(made_))) {
        table.scales.template use<Access>(options_.bits);
        gathered_.template scale<Access>(table.scales, sparse, gathered);
      }
    }
    descend(dense_block(x), gathered, example);
    if (penalised())
      for (std::size_t k = 0; k < lanes; ++k)
        for (std::size_t i = 0; i < sparse.size(); ++i) gathered.fields[k][i] = stored(gathered.fields[k][i]);
    gathered_.template scatter<Access>(table, sparse, front_.intercept);
    if (penalised()) penalise(example);
    front_.mixture.learn(options_.loss, example, options_.optimizer);
    return prediction;
  }

  /// The example's sparse features, the codes of its nominal columns and its products, each index once.
  std::span<const SparseFeature> sparse_of(const Features& x, Fields of) noexcept {
    std::span<const SparseFeature> made = nominal_.features(x.dense);
    if (!interactions_.empty()) {
      made_.assign(made.begin(), made.end());
      each_interaction(x, of, OwnDense{*this, x}, [&](std::uint32_t index, float value) { made_.push_back({index, value}); });
      made = made_;
    }
    return merged_(x.sparse, made, static_cast<std::uint32_t>((std::size_t{1} << options_.bits) - 1));
  }

  template <class Access>
  Block gather(const Table& table, std::span<const SparseFeature> sparse) noexcept {
    Block block = gathered_.template gather<Access>(table, sparse, front_.intercept);
    if (penalised())
      for (std::size_t k = 0; k < lanes; ++k)
        for (std::size_t i = 0; i < sparse.size(); ++i) block.fields[k][i] = now(block.fields[k][i]);
    return block;
  }

  Block dense_block(const Features& x) noexcept {
    Block block;
    block.n = block.penalised = scale_.size();
    if (block.n == 0) return block;
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

  /// One step of every weight of an example.
  void descend(const Block& dense, const Block& gathered, const Example& example) noexcept {
    const Optimizer optimizer = detail::adapted(options_.optimizer, front_.mixture);
    const float energy = std::min(example.weight * example.gradient * example.gradient, detail::largest_energy);
    detail::Sensitivity<rate_count> s;
    for (const Block* block : {&dense, &gathered}) {
      if (block->n == 0) continue;
      Kernels::accumulate(optimizer, *block, energy, example.dispersion);
      for (std::size_t r = 0; r < rate_count; ++r) s.adaptive[r] += kernels::dot(block->pulls[r], block->z, block->n);
      const float* size = Optimizer::scales_itself ? block->relative : block->z;
      s.plain += kernels::dot(size, size, block->n);
    }
    const auto plan = optimizer.plan(options_.loss, example, s, {options_.l1, options_.l2}, front_.mixture);
    for (const Block* block : {&dense, &gathered})
      if (block->n != 0) Kernels::apply(optimizer, *block, plan);
  }

  /// Dense weights now, hashed ones when they are next looked at.
  void penalise(const Example& example) noexcept {
    const float time = example.weight * options_.optimizer.penalty_rate(front_.mixture);
    const float kept = math::exp(-options_.l2 * time);
    const float cut = options_.l1 * time * example.unit;
    for (std::size_t k = 0; k < lanes; ++k)
      for (std::size_t j = 0; j < scale_.size(); ++j)
        dense_[k][j] = soft(dense_[k][j] * kept, Optimizer::scales_itself ? cut : cut * scale_.inverse()[j]);
    if (table_.empty()) return;
    shrink_ = std::max(shrink_ * kept, 1e-30F);
    gravity_ = std::min(gravity_ + cut / shrink_, detail::largest_weight);
    if (shrink_ >= 1e-6F && gravity_ <= 1e3F * example.unit) return;
    for (auto& cell : table_.cells())
      for (std::size_t k = 0; k < lanes; ++k) cell.fields[k] = now(cell.fields[k]);
    shrink_ = 1.0F;
    gravity_ = 0.0F;
    ++sweeps_;
  }

  Options options_;
  Schema schema_;
  Front front_;
  std::array<std::vector<float>, fields> dense_;  // field by field [d]
  detail::ColumnScale scale_;
  Table table_;
  float shrink_ = 1.0F;   // lazy L2
  float gravity_ = 0.0F;  // lazy L1
  std::uint64_t refused_ = 0;
  std::uint64_t sweeps_ = 0;  // of the whole table, in this process

  detail::NominalCodes nominal_;
  detail::Interactions interactions_;
  detail::Merged merged_;  // the rest is scratch of learn
  detail::GatheredWeights<Optimizer> gathered_;
  std::vector<SparseFeature> made_;
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
