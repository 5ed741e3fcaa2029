#include "shared_learning.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <thread>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/shared.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace {

double log_loss(float probability, float y) {
  const double p = std::clamp(static_cast<double>(probability), 1e-7, 1.0 - 1e-7);
  return -std::log(y > 0.5F ? p : 1.0 - p);
}

/// Rows first, first + step, ... by one learner; returns the sum of their losses.
template <class Learner>
double learn_rows(Learner& learner, const SparseRows& rows, std::size_t first, std::size_t step) {
  constexpr std::size_t ahead = 4;
  double sum = 0.0;
  for (std::size_t i = first; i < rows.size(); i += step) {
    if (i + ahead * step < rows.size()) learner.prefetch(rows[i + ahead * step]);
    sum += log_loss(learner.learn(rows[i], rows.label(i)), rows.label(i));
  }
  return sum;
}

/// Predicts row after row until `done`, or once all over.
template <class Model, class Done>
Latencies predict_rows(const Model& model, const SparseRows& rows, Done done) {
  Latencies latencies;
  for (std::size_t i = 0; !done(i); ++i) {
    const rtml::Features x = rows[i % rows.size()];
    const auto began = Clock::now();
    const float p = model.predict(x);
    const auto span = Clock::now() - began;
    if (p >= 0.0F) latencies.add(span);
  }
  return latencies;
}

template <class Model>
nlohmann::ordered_json measure(const SparseRows& rows, Model untaught, unsigned threads) {
  untaught.bind(rows.schema());
  const auto values = static_cast<double>(rows.values());
  const auto n = static_cast<double>(rows.size());
  const auto once = [&](std::size_t i) { return i == rows.size(); };
  nlohmann::ordered_json json;

  Model plain = untaught;
  json["plain_learn_ns_per_feature"] = thread_cpu_ns([&] { learn_rows(plain, rows, 0, 1); }) / values;
  Latencies idle = predict_rows(plain, rows, once);
  json["plain_predict_p50_ns"] = idle.quantile(0.5);
  json["plain_predict_p99_ns"] = idle.quantile(0.99);

  for (const unsigned count : {1U, threads}) {
    rtml::Shared shared(untaught);
    std::vector<double> losses(count, 0.0);
    std::vector<double> cpu(count, 0.0);
    std::vector<std::thread> learners;
    const auto began = Clock::now();
    for (unsigned t = 0; t < count; ++t)
      learners.emplace_back([&, t] {
        auto learner = shared.learner();
        cpu[t] = thread_cpu_ns([&] { losses[t] = learn_rows(learner, rows, t, count); });
      });
    for (std::thread& learner : learners) learner.join();
    const double seconds = nanoseconds(Clock::now() - began) * 1e-9;
    double loss = 0.0;
    double ns = 0.0;
    for (unsigned t = 0; t < count; ++t) {
      loss += losses[t] / n;
      ns += cpu[t] / values;
    }
    nlohmann::ordered_json one;
    one["threads"] = count;
    one["logloss"] = loss;
    one["examples_per_second"] = n / seconds;
    one["learn_ns_per_feature"] = ns;
    Latencies alone = predict_rows(shared, rows, once);
    one["predict_p50_ns"] = alone.quantile(0.5);
    one["predict_p99_ns"] = alone.quantile(0.99);

    // Beside learners that go round and round; one thread fewer of them than asked for, so that who predicts has a processor.
    std::atomic<bool> done{false};
    std::vector<std::thread> busy;
    for (unsigned t = 0; t < std::max(1U, count - 1); ++t)
      busy.emplace_back([&, t] {
        auto learner = shared.learner();
        for (std::size_t i = t; !done.load(std::memory_order_relaxed); i = (i + count) % rows.size()) learner.learn(rows[i], rows.label(i));
      });
    Latencies beside = predict_rows(shared, rows, once);
    done = true;
    for (std::thread& learner : busy) learner.join();
    one["predict_p99_learning_ns"] = beside.quantile(0.99);
    json["shared"].push_back(one);
    if (threads == 1) break;
  }
  return json;
}

template <class... Optimizers>
nlohmann::ordered_json measure_any(const SparseRows& rows, const rtml::AnyLearner& learner, unsigned threads) {
  nlohmann::ordered_json json;
  const auto fits = [&]<class Optimizer>(const Optimizer*) {
    const auto* model = learner.as<rtml::Linear<rtml::Logistic, Optimizer>>();
    if (model == nullptr) return false;
    json = measure(rows, *model, threads);
    return true;
  };
  const bool found = (fits(static_cast<const Optimizers*>(nullptr)) || ...);
  rtml::require("--threads", "learner", learner.name(), found, "logistic, of loss logistic");
  return json;
}

}  // namespace

nlohmann::ordered_json measure_shared(const SparseRows& rows, const rtml::AnyLearner& learner, unsigned threads) {
  return measure_any<rtml::MultiRate, rtml::AdaGrad, rtml::Adam, rtml::CoinBetting, rtml::FtrlProximal, rtml::Nag, rtml::Sgd>(rows, learner,
                                                                                                                              threads);
}

}  // namespace rtml_bench
