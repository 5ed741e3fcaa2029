#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rtml/core/concepts.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/factor_model.hpp"
#include "rtml/learn/losses.hpp"
#include "rtml/learn/multi_rate.hpp"

namespace rtml {

/// A field-aware factorization machine: a linear model, and for every pair of features an interaction between the vector that one has for
/// the other's field and the vector that the other has for its,
///
///   m = w_0 + sum_i w_i x_i + sum_{i < j} <v_{i, f_j}, v_{j, f_i}> x_i x_j,
///
/// where f_i is the field of feature i: publisher, advertiser, hour. For clicks, where FactorizationMachine has one vector for all fields.
///
/// - Fields of hashed features come with the example, `Context::fields`, as numbers 0, 1, ... Where they are left out, a feature's field
///   is its place among the example's hashed features, as in rows with one feature a field. Numbers from `fields` on begin again at 0.
///   Fields of another length than the hashed features are refused. Each dense column, numeric or nominal, is a field of its own.
/// - All else is as FactorizationMachine has it: the linear half, scales, missing values, flow, first factors, L2. Features of one field
///   interact too, by their vectors for that field; repeated ones add up.
///
/// Cost: O((d + nnz)^2 factors) both; neither allocates (learn grows one buffer when an example has more than 256 hashed features).
/// Memory: 16 + 8 factors (fields + d) bytes a feature, factors rounded up to a multiple of 4.
/// Thread safety: `predict` from any number of threads while nobody learns.
/// Source: Y. Juan, Y. Zhuang, W.-S. Chin, C.-J. Lin, "Field-aware factorization machines for CTR prediction", RecSys 2016, equations 4 to
/// 8 and algorithm 1; with linear terms, and signed first factors, which spare a model without interactions.
template <class Loss = Logistic, class Optimizer = MultiRate>
class FieldAwareFactorizationMachine {
  using Model = detail::FactorModel<Loss, Optimizer>;
  using Evaluation = typename Model::Evaluation;
  using Example = typename Model::Example;

 public:
  static constexpr std::string_view name = "ffm";

  struct Options {
    Loss loss = {};
    Optimizer optimizer = {};  ///< of the linear half
    unsigned fields = 32;      ///< of hashed features, in [1, 1024]
    unsigned factors = 4;      ///< of each feature for each field, in [1, 64]
    unsigned bits = 16;        ///< 2^bits hashed features, in [1, 28]
    float rate = 1.5F;         ///< of the factors, > 0
    float l2 = 0.0F;           ///< of the factors, in [0, 1e3]
    std::uint64_t seed = 1;
  };

  FieldAwareFactorizationMachine() : FieldAwareFactorizationMachine(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit FieldAwareFactorizationMachine(const Options& options)
      : model_("FieldAwareFactorizationMachine", {.loss = options.loss,
                                                  .optimizer = options.optimizer,
                                                  .factors = options.factors,
                                                  .bits = options.bits,
                                                  .fields = options.fields,
                                                  .rate = options.rate,
                                                  .l2 = options.l2,
                                                  .seed = options.seed}) {
    require("FieldAwareFactorizationMachine", "fields", options.fields, options.fields >= 1 && options.fields <= 1024, "in [1, 1024]");
    require("FieldAwareFactorizationMachine", "bits", options.bits, options.bits >= 1 && options.bits <= 28, "in [1, 28]");
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column, ConfigError when it has more than 1024 dense ones.
  void bind(const Schema& schema) {
    require("FieldAwareFactorizationMachine", "number of dense columns", schema.dense_size(), model_.has_room_for(schema), "<= 1024");
    model_.bind(name, schema);
  }

  const Schema& schema() const noexcept { return model_.schema(); }
  std::uint64_t fingerprint() const noexcept { return schema().fingerprint(); }
  Options options() const noexcept {
    const auto& s = model_.settings();
    return {s.loss, s.optimizer, s.fields, s.factors, s.bits, s.rate, s.l2, s.seed};
  }
  Task task() const noexcept { return Loss::task; }
  std::uint64_t refused() const noexcept { return model_.refused(); }
  float threshold() const noexcept { return detail::threshold_of<Loss>; }

  float predict(const Features& x) const noexcept { return evaluate(x, {}).prediction; }
  float predict(const Features& x, const Context& context) const noexcept { return evaluate(x, context.fields).prediction; }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept { return learn(x, {}, y, weight); }
  float learn(const Features& x, float y, float weight, const Context& context) noexcept { return learn(x, context.fields, y, weight); }

  /// Asks for what of an example's weights lies anywhere in memory: for one that will be learned or predicted soon.
  void prefetch(const Features& x) const noexcept { model_.prefetch(x); }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + model_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FieldAwareFactorizationMachine", 1);
    Model::archive(self.model_, ar);
  }

 private:
  using Fields = std::span<const std::uint32_t>;
  using Block = std::array<detail::Active, 64>;

  float learn(const Features& x, Fields fields, float y, float weight) noexcept {
    const Evaluation before = evaluate(x, fields);
    if (!model_.usable(x, y, weight) || (!fields.empty() && fields.size() != x.sparse.size())) {
      model_.refuse();
    } else if (weight > 0.0F) {
      update(x, fields, y, weight, before);
    }
    return before.prediction;
  }

  /// Out of line, so that predict and learn run the same instructions and agree to the bit. Features are gathered in blocks: predict has no
  /// buffer for them all.
  [[gnu::noinline]] Evaluation evaluate(const Features& x, Fields fields) const noexcept {
    model_.prefetch(x);
    auto margins = model_.intercept();
    Block left;   // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as it is read
    Block right;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::array<float, 4> sums{};
    for (std::size_t begin = 0;; begin += left.size()) {
      const auto some = gather(x, fields, begin, left);
      for (const detail::Active& a : some) model_.add(margins, a);
      for (std::size_t i = 0; i < some.size(); ++i) add(some[i], some.first(i), sums);
      if (some.size() < left.size()) break;
      for (std::size_t next = begin + left.size();; next += right.size()) {
        const auto others = gather(x, fields, next, right);
        for (const detail::Active& a : some) add(a, others, sums);
        if (others.size() < right.size()) break;
      }
    }
    return model_.finish(margins, (sums[0] + sums[2]) + (sums[1] + sums[3]));
  }

  /// The example's active features from number `begin` on, as many as a block holds.
  std::span<const detail::Active> gather(const Features& x, Fields fields, std::size_t begin, Block& block) const noexcept {
    std::size_t place = 0;
    std::size_t count = 0;
    const auto take = [&](const detail::Active& a) {
      if (place++ >= begin && count < block.size()) block[count++] = a;
    };
    model_.features().each_dense(x, take);
    model_.features().each_hashed(x, fields, take);
    return std::span<const detail::Active>(block).first(count);
  }

  static bool same(const detail::Active& a, const detail::Active& b) noexcept { return a.row == b.row && a.field == b.field; }

  /// Adds the interactions of a feature with others; those with itself, where it is repeated, are none.
  void add(const detail::Active& a, std::span<const detail::Active> others, std::array<float, 4>& sums) const noexcept {
    const std::size_t k = model_.padded();
    const float* factors = model_.rows().factors(a.row);
    for (const detail::Active& b : others) {
      if (same(a, b)) continue;
      const float* v = factors + b.field * k;
      const float* u = model_.rows().factors(b.row) + a.field * k;
      const float product = a.value * b.value;
      for (std::size_t f = 0; f < k; f += 4)
        for (std::size_t i = 0; i < 4; ++i) sums[i] += v[f + i] * u[f + i] * product;
    }
  }

  void update(const Features& x, Fields fields, float y, float weight, const Evaluation& before) noexcept {
    Example example;
    if (!model_.open(x, fields, y, weight, before, example)) return;
    const std::size_t k = model_.padded();
    std::array<float, 4> moved{};
    each_pair(example, [&](const Side& a, const Side& b, float product) {
      model_.wake(a.factors, a.row, b.field, example.size);
      model_.wake(b.factors, b.row, a.field, example.size);
      accumulate(b.factors, a.energies, product, example.energy, k, moved);
      accumulate(a.factors, b.energies, product, example.energy, k, moved);
    });
    const float step = model_.step(example, (moved[0] + moved[2]) + (moved[1] + moved[3]));
    const float shrinkage = model_.shrinkage(example);
    each_pair(example, [&](const Side& a, const Side& b, float product) {
      apply(a.factors, b.factors, a.energies, b.energies, product, step, k);
      if (shrinkage > 0.0F) {
        detail::shrink(a.factors, a.energies, shrinkage, k);
        detail::shrink(b.factors, b.energies, shrinkage, k);
      }
    });
    model_.descend(example);
  }

  /// One feature of a pair: the vector that it has for the other's field.
  struct Side {
    std::size_t row;
    std::uint32_t field;
    float* factors;
    float* energies;
  };

  template <class Use>
  void each_pair(const Example& example, Use use) noexcept {
    auto& rows = model_.rows();
    const std::size_t k = model_.padded();
    const auto side = [&](const detail::Active& a, const detail::Active& other) {
      return Side{a.row, a.field, rows.factors(a.row) + other.field * k, rows.energies(a.row) + other.field * k};
    };
    for (std::size_t i = 1; i < example.active.size(); ++i) {
      const detail::Active& a = example.active[i];
      for (const detail::Active& b : example.active.first(i)) use(side(a, b), side(b, a), a.value * b.value);
    }
  }

  // Slopes are products of usable values and a factor: finite, while their squares may not be. The sensitivity then says so, and the step
  // is none.

  /// Counts the squared gradients of one side's factors; adds to `moved` how much the margin moves when each follows its slope at its rate.
  static void accumulate(const float* __restrict other, float* __restrict energies, float product, float energy, std::size_t k,
                         std::array<float, 4>& moved) noexcept {
    std::array<float, 4> sums = moved;
    for (std::size_t f = 0; f < k; f += 4) {
      for (std::size_t i = 0; i < 4; ++i) {
        const float slope = product * other[f + i];  // dm / dv
        const float sum = detail::clamp_energy(energies[f + i] + energy * (slope * slope));
        energies[f + i] = sum;
        sums[i] += slope * slope * detail::factor_rate(sum);
      }
    }
    moved = sums;
  }

  /// Moves both sides at once.
  static void apply(float* __restrict v, float* __restrict u, const float* __restrict of_v, const float* __restrict of_u, float product,
                    float step, std::size_t k) noexcept {
    for (std::size_t f = 0; f < k; ++f) {
      const float dv = product * u[f] * detail::factor_rate(of_v[f]);
      const float du = product * v[f] * detail::factor_rate(of_u[f]);
      v[f] = detail::clamp_factor(v[f] + step * dv);
      u[f] = detail::clamp_factor(u[f] + step * du);
    }
  }

  Model model_;
};

}  // namespace rtml
