// Learning and predicting, features borrowed and made beforehand; thread CPU time, ns per feature.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/bayesian_linear.hpp"
#include "rtml/learn/factorization_machine.hpp"
#include "rtml/learn/gaussian_naive_bayes.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/one_vs_rest.hpp"
#include "rtml/learn/softmax.hpp"

namespace {

using namespace rtml;

constexpr std::size_t dense_columns = 100;
constexpr std::size_t words = 30;
constexpr unsigned bits = 22;

struct Rows {
  std::size_t dense = 0;
  std::size_t sparse = 0;
  std::vector<float> values;
  std::vector<SparseFeature> features;
  std::vector<float> labels;

  Features operator[](std::size_t i) const {
    return {std::span(values).subspan(i * dense, dense), std::span(features).subspan(i * sparse, sparse)};
  }
};

/// Standard normal columns, a logistic truth.
Rows dense_rows(std::size_t columns) {
  constexpr std::size_t n = 2000;
  Rng rng(1);
  Rows rows;
  rows.dense = columns;
  for (std::size_t i = 0; i < n; ++i) {
    double margin = 0.0;
    for (std::size_t j = 0; j < columns; ++j) {
      rows.values.push_back(static_cast<float>(rng.normal()));
      margin += 0.05 * static_cast<double>(rows.values.back());
    }
    rows.labels.push_back(rng.uniform() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F);
  }
  return rows;
}

/// Thirty fields, vocabularies of 10 to a million ids of which the small ones are frequent: most lines of the table are cold.
Rows sparse_rows() {
  constexpr std::size_t n = 100000;
  Rng rng(2);
  Rows rows;
  rows.sparse = words;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t field = 0; field < words; ++field) {
      const double vocabulary = std::pow(10.0, 1.0 + 5.0 * static_cast<double>(field) / static_cast<double>(words - 1));
      const auto id = static_cast<std::uint64_t>(std::pow(vocabulary, rng.uniform()));  // P(id) ~ 1 / id
      rows.features.push_back({static_cast<std::uint32_t>(hash_integer(id, field)), 1.0F});
    }
    rows.labels.push_back(rng.uniform() < 0.25 ? 1.0F : 0.0F);
  }
  return rows;
}

const Rows& shared_rows(bool sparse) {
  static const Rows dense = dense_rows(dense_columns);
  static const Rows hashed = sparse_rows();
  return sparse ? hashed : dense;
}

Schema schema_of(bool sparse) {
  return sparse ? Schema({{.name = "words", .kind = Column::Kind::hashed}}) : Schema::numeric(dense_columns);
}

void report(benchmark::State& state, std::size_t columns) {
  const double features = static_cast<double>(columns) + 1.0;  // and the intercept
  state.counters["per_feature"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * features, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <class Learner>
auto learn_one(Learner& learner, Features x, float y) {
  if constexpr (ClassLearner<Learner>) {
    return learner.learn(x, static_cast<int>(y));
  } else {
    return learner.learn(x, y);
  }
}

template <class Learner, bool Sparse>
void learn(benchmark::State& state) {
  const Rows& rows = shared_rows(Sparse);
  Learner learner = [] {
    if constexpr (requires {
                    typename Learner::Options;
                    Learner::Options::bits;
                  }) {
      typename Learner::Options options;
      options.bits = bits;
      return Learner(options);
    } else {
      return Learner();
    }
  }();
  learner.bind(schema_of(Sparse));
  std::size_t i = 0;
  for (auto _ : state) {
    auto before = learn_one(learner, rows[i], rows.labels[i]);
    benchmark::DoNotOptimize(before);
    if (++i == rows.labels.size()) i = 0;
  }
  report(state, Sparse ? words : dense_columns);
}

template <class Learner, bool Sparse>
void predict(benchmark::State& state) {
  const Rows& rows = shared_rows(Sparse);
  typename Learner::Options options;
  options.bits = bits;
  Learner learner(options);
  learner.bind(schema_of(Sparse));
  for (std::size_t i = 0; i < rows.labels.size(); ++i) learner.learn(rows[i], rows.labels[i]);
  std::size_t i = 0;
  for (auto _ : state) {
    auto prediction = learner.predict(rows[i]);
    benchmark::DoNotOptimize(prediction);
    if (++i == rows.labels.size()) i = 0;
  }
  report(state, Sparse ? words : dense_columns);
}

/// `use(learner, row, label)` of a learner that saw every row.
template <class Learner, std::size_t Columns, class Use>
void on_dense(benchmark::State& state, Use use) {
  static const Rows rows = dense_rows(Columns);
  Learner learner;
  learner.bind(Schema::numeric(Columns));
  for (std::size_t i = 0; i < rows.labels.size(); ++i) learn_one(learner, rows[i], rows.labels[i]);
  std::size_t i = 0;
  for (auto _ : state) {
    auto result = use(learner, rows[i], rows.labels[i]);
    benchmark::DoNotOptimize(result);
    if (++i == rows.labels.size()) i = 0;
  }
  report(state, Columns);
}

template <class Learner, std::size_t Columns>
void learn_dense(benchmark::State& state) {
  on_dense<Learner, Columns>(state, [](Learner& learner, Features x, float y) { return learn_one(learner, x, y); });
}

template <class Learner, std::size_t Columns>
void predict_dense(benchmark::State& state) {
  on_dense<Learner, Columns>(state, [](const Learner& learner, Features x, float /*y*/) { return learner.predict(x); });
}

template <std::size_t Columns>
void predict_distribution(benchmark::State& state) {
  on_dense<BayesianLinear, Columns>(state,
                                    [](const BayesianLinear& learner, Features x, float /*y*/) { return learner.predict_distribution(x); });
}

using LogisticOneVsRest = OneVsRest<LogisticRegression>;
using LogisticSgd = Linear<Logistic, Sgd>;
using LogisticAdaGrad = Linear<Logistic, AdaGrad>;
using LogisticFtrl = Linear<Logistic, FtrlProximal>;

BENCHMARK(learn<LogisticRegression, false>)->Name("learn/logistic/dense_100");
BENCHMARK(predict<LogisticRegression, false>)->Name("predict/logistic/dense_100");
BENCHMARK(learn<LogisticRegression, true>)->Name("learn/logistic/hashed_30_of_2^22");
BENCHMARK(predict<LogisticRegression, true>)->Name("predict/logistic/hashed_30_of_2^22");
BENCHMARK(learn<LogisticSgd, false>)->Name("learn/logistic_sgd/dense_100");
BENCHMARK(learn<LogisticSgd, true>)->Name("learn/logistic_sgd/hashed_30_of_2^22");
BENCHMARK(learn<LogisticAdaGrad, false>)->Name("learn/logistic_adagrad/dense_100");
BENCHMARK(predict<LogisticAdaGrad, false>)->Name("predict/logistic_adagrad/dense_100");
BENCHMARK(learn<LogisticAdaGrad, true>)->Name("learn/logistic_adagrad/hashed_30_of_2^22");
BENCHMARK(predict<LogisticAdaGrad, true>)->Name("predict/logistic_adagrad/hashed_30_of_2^22");
BENCHMARK(learn<LogisticFtrl, false>)->Name("learn/logistic_ftrl/dense_100");
BENCHMARK(learn<LogisticFtrl, true>)->Name("learn/logistic_ftrl/hashed_30_of_2^22");
BENCHMARK(predict<LogisticFtrl, true>)->Name("predict/logistic_ftrl/hashed_30_of_2^22");
BENCHMARK(learn<FactorizationMachine<>, true>)->Name("learn/fm_8/hashed_30_of_2^22");
BENCHMARK(predict<FactorizationMachine<>, true>)->Name("predict/fm_8/hashed_30_of_2^22");
BENCHMARK(learn<LinearRegression, false>)->Name("learn/linear/dense_100");
BENCHMARK(learn<Softmax, false>)->Name("learn/softmax_2/dense_100");
BENCHMARK(learn_dense<BayesianLinear, 10>)->Name("learn/bayesian_linear/dense_10");
BENCHMARK(learn_dense<BayesianLinear, 100>)->Name("learn/bayesian_linear/dense_100");
BENCHMARK(predict_dense<BayesianLinear, 10>)->Name("predict/bayesian_linear/dense_10");
BENCHMARK(predict_dense<BayesianLinear, 100>)->Name("predict/bayesian_linear/dense_100");
BENCHMARK(predict_distribution<10>)->Name("predict_distribution/bayesian_linear/dense_10");
BENCHMARK(predict_distribution<100>)->Name("predict_distribution/bayesian_linear/dense_100");
BENCHMARK(learn_dense<LogisticOneVsRest, 10>)->Name("learn/one_vs_rest_2/dense_10");
BENCHMARK(learn_dense<LogisticOneVsRest, 100>)->Name("learn/one_vs_rest_2/dense_100");
BENCHMARK(predict_dense<LogisticOneVsRest, 10>)->Name("predict/one_vs_rest_2/dense_10");
BENCHMARK(predict_dense<LogisticOneVsRest, 100>)->Name("predict/one_vs_rest_2/dense_100");
BENCHMARK(learn<GaussianNaiveBayes, false>)->Name("learn/naive_bayes_2/dense_100");

}  // namespace
