#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/factor_model.hpp"
#include "rtml/learn/losses.hpp"
#include "rtml/learn/multi_rate.hpp"

namespace rtml {

/// A factorization machine: a linear model, and for every pair of features an interaction that is the inner product of their vectors,
///
///   m = w_0 + sum_i w_i x_i + sum_{i < j} <v_i, v_j> x_i x_j,
///
/// so that pairs that were never seen together are told by what each did with others. For categories that matter by their combination.
///
/// - The linear half is that of `Linear`, with any of its optimizers, and so are losses, labels, missing values, nominal columns and
///   hashed features; only its steps know of the interactions. Dense columns are features too, over their root mean square, within ten of it.
/// - Factors learn by AdaGrad, a rate for each, and as a flow: a step never passes the minimum by much. The rate is over the sum of the
///   example's squared values, so that it suits two features as well as a hundred. As constructed it needs no tuning.
/// - A feature that was never learned from has no interactions. Its factors are drawn when it first is, from the seed and the feature.
/// - Repeated hashed features add up, and do not interact with themselves. L2 shrinks the factors of an example's features.
///
/// Cost: O((d + nnz) factors) both, by lemma 3.1; neither allocates (learn grows its buffers when an example has more than 256 hashed
/// features). Memory: 16 + 8 factors bytes a feature, factors rounded up to a multiple of 4.
/// Thread safety: `predict` from any number of threads while nobody learns.
/// Sources: S. Rendle, "Factorization machines", ICDM 2010, equation 1 and lemma 3.1; Y. Juan et al., "Field-aware factorization machines
/// for CTR prediction", RecSys 2016, section 3 (AdaGrad; steps normalised by the instance).
template <class Loss = Logistic, class Optimizer = MultiRate>
class FactorizationMachine {
  using Model = detail::FactorModel<Loss, Optimizer>;
  using Evaluation = typename Model::Evaluation;
  using Example = typename Model::Example;
  using Sums = std::array<float, Model::most_factors>;

 public:
  static constexpr std::string_view name = "fm";

  struct Options {
    Loss loss = {};
    Optimizer optimizer = {};  ///< of the linear half
    unsigned factors = 8;      ///< of each feature, in [1, 64]
    unsigned bits = 18;        ///< 2^bits hashed features, in [1, 28]
    float rate = 0.6F;         ///< of the factors, > 0
    float l2 = 0.0F;           ///< of the factors, in [0, 1e3]
    std::uint64_t seed = 1;
  };

  FactorizationMachine() : FactorizationMachine(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit FactorizationMachine(const Options& options)
      : model_("FactorizationMachine", {.loss = options.loss,
                                        .optimizer = options.optimizer,
                                        .factors = options.factors,
                                        .bits = options.bits,
                                        .fields = 0,
                                        .rate = options.rate,
                                        .l2 = options.l2,
                                        .seed = options.seed}) {
    require("FactorizationMachine", "bits", options.bits, options.bits >= 1 && options.bits <= 28, "in [1, 28]");
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema) {
    model_.bind(name, schema);
    reserve();
  }

  const Schema& schema() const noexcept { return model_.schema(); }
  std::uint64_t fingerprint() const noexcept { return schema().fingerprint(); }
  Options options() const noexcept {
    const auto& s = model_.settings();
    return {s.loss, s.optimizer, s.factors, s.bits, s.rate, s.l2, s.seed};
  }
  Task task() const noexcept { return Loss::task; }
  std::uint64_t refused() const noexcept { return model_.refused(); }
  float threshold() const noexcept { return detail::threshold_of<Loss>; }

  float predict(const Features& x) const noexcept { return evaluate(x).prediction; }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    const Evaluation before = evaluate(x);
    if (!model_.usable(x, y, weight)) {
      model_.refuse();
    } else if (weight > 0.0F) {
      update(x, y, weight, before);
    }
    return before.prediction;
  }

  /// Asks for what of an example's weights lies anywhere in memory: for one that will be learned or predicted soon.
  void prefetch(const Features& x) const noexcept { model_.prefetch(x); }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + model_.memory_bytes() + (slope_.capacity() + pull_.capacity()) * sizeof(float);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FactorizationMachine", 1);
    Model::archive(self.model_, ar);
    if constexpr (Ar::reading) self.reserve();
  }

 private:
  /// Out of line, so that predict and learn run the same instructions and agree to the bit.
  [[gnu::noinline]] Evaluation evaluate(const Features& x) const noexcept {
    model_.prefetch(x);
    const std::size_t k = model_.padded();
    auto margins = model_.intercept();
    Sums sum;     // NOLINT(cppcoreguidelines-pro-type-member-init): of v x, filled as far as k
    Sums square;  // NOLINT(cppcoreguidelines-pro-type-member-init): of (v x)^2
    std::fill_n(sum.begin(), k, 0.0F);
    std::fill_n(square.begin(), k, 0.0F);
    const auto take = [&](const detail::Active& a) {
      model_.add(margins, a);
      add(model_.rows().factors(a.row), a.value, sum.data(), square.data(), k);
    };
    model_.features().each_dense(x, take);
    detail::RepeatFilter filter;
    std::size_t taken = 0;
    model_.features().each_hashed(x, {}, [&](const detail::Active& a) {
      take(a);
      if (filter.seen(a.row)) add_repeated(x, a, taken, square);
      ++taken;
    });
    float pairs = 0.0F;
    for (std::size_t f = 0; f < k; ++f) pairs += sum[f] * sum[f] - square[f];
    return model_.finish(margins, 0.5F * pairs);
  }

  static void add(const float* __restrict v, float x, float* __restrict sum, float* __restrict square, std::size_t k) noexcept {
    for (std::size_t f = 0; f < k; ++f) {
      const float term = v[f] * x;
      sum[f] += term;
      square[f] += term * term;
    }
  }

  /// What a hashed feature squares to beyond its own square, when it also stands among the `before` first ones: (a + b)^2 - a^2 - b^2.
  void add_repeated(const Features& x, const detail::Active& again, std::size_t before, Sums& square) const noexcept {
    float earlier = 0.0F;
    std::size_t place = 0;
    model_.features().each_hashed(x, {}, [&](const detail::Active& a) {
      if (place++ < before && a.row == again.row) earlier += a.value;
    });
    const float* v = model_.rows().factors(again.row);
    for (std::size_t f = 0; f < model_.padded(); ++f) square[f] += 2.0F * (v[f] * earlier) * (v[f] * again.value);
  }

  void update(const Features& x, float y, float weight, const Evaluation& before) noexcept {
    Example example;
    if (!model_.open(x, {}, y, weight, before, example)) return;
    auto& rows = model_.rows();
    const std::size_t k = model_.padded();
    Sums sum;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as k
    std::fill_n(sum.begin(), k, 0.0F);
    for (const detail::Active& a : example.active) {
      float* v = rows.factors(a.row);
      model_.wake(v, a.row, 0, example.size);
      for (std::size_t f = 0; f < k; ++f) sum[f] += v[f] * a.value;
    }
    slope_.resize(example.active.size() * k);
    pull_.resize(slope_.size());
    std::size_t at = 0;
    for (const detail::Active& a : example.active) {
      accumulate(rows.factors(a.row), rows.energies(a.row), sum.data(), a.value, example.energy, &slope_[at], &pull_[at], k);
      at += k;
    }
    const float step = model_.step(example, kernels::dot(slope_.data(), pull_.data(), slope_.size()));
    const float shrinkage = model_.shrinkage(example);
    at = 0;
    for (const detail::Active& a : example.active) {
      apply(rows.factors(a.row), &pull_[at], step, k);
      if (shrinkage > 0.0F) detail::shrink(rows.factors(a.row), rows.energies(a.row), shrinkage, k);
      at += k;
    }
    model_.descend(example);
  }

  /// Counts the squared gradients of a feature's factors; fills their slopes dm / dv, and pulls: rate x slope.
  static void accumulate(const float* __restrict v, float* __restrict energies, const float* __restrict sum, float x, float energy,
                         float* __restrict slope, float* __restrict pull, std::size_t k) noexcept {
    for (std::size_t f = 0; f < k; ++f) {
      const float d = detail::cut(x * (sum[f] - v[f] * x), detail::largest_slope);
      slope[f] = d;
      energies[f] = detail::clamp_energy(energies[f] + energy * (d * d));
      pull[f] = d * detail::factor_rate(energies[f]);
    }
  }

  static void apply(float* __restrict v, const float* __restrict pull, float step, std::size_t k) noexcept {
    for (std::size_t f = 0; f < k; ++f) v[f] = detail::clamp_factor(v[f] + step * pull[f]);
  }

  void reserve() {
    slope_.reserve(model_.features().usual() * model_.padded());
    pull_.reserve(slope_.capacity());
  }

  Model model_;
  std::vector<float> slope_;  // [active, k], as pull_ scratch of learn
  std::vector<float> pull_;
};

}  // namespace rtml
