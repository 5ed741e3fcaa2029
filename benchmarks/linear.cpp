// rtml-bench linear: what a value costs Linear to learn and to predict, beside a plain scalar loop of the same algorithm (normalized adaptive
// gradient) and beside memory itself: reading and writing the same cells in the same order. Thread CPU time over whole passes of rows in
// memory, all contenders in turn in each round; a value is a feature or an intercept. Big tables are on huge pages for all of them.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/core/math.hpp"
#include "rtml/learn/linear.hpp"
#include "sparse_rows.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace linear_bench {
namespace {

struct Options {
  std::string sparse;
  std::string dense;
  unsigned bits = 22;
  int rounds = 7;
  bool json = false;
};

/// One pass of a contender over all rows; returns its progressive log loss, or 0 when it has none.
using Pass = std::function<double(const SparseRows&)>;

double log_loss(float probability, float y) {
  const double p = std::clamp(static_cast<double>(probability), 1e-7, 1.0 - 1e-7);
  return -std::log(y > 0.5F ? p : 1.0 - p);
}

/// The yardstick: Nag as one would write it down, one 16-byte record a weight, one weight after the other.
class PlainNag {
 public:
  PlainNag(const SparseRows& rows, unsigned bits)
      : mask_((std::uint32_t{1} << bits) - 1), records_(rows.columns() != 0 ? rows.columns() + 1 : (std::size_t{1} << bits) + 1) {}

  float predict(rtml::Features x) const { return rtml::math::sigmoid(margin(x)); }

  float learn(rtml::Features x, float y) {
    const float before = margin(x);
    const float gradient = rtml::Logistic::gradient(before, y);
    const float energy = gradient * gradient;
    float sensitivity = 0.0F;
    float norm = 0.0F;
    each(x, [&](Record& record, float z) {
      const float size = std::abs(z);
      if (size > record.largest) {
        record.weight *= record.largest / size;
        record.largest = size;
      }
      record.energy += energy * z * z;
      record.rate = 1.0F / (std::sqrt(record.energy) * record.largest);
      sensitivity += z * z * record.rate;
      norm += (z / record.largest) * (z / record.largest);
    });
    examples_ += 1.0;
    norms_ += static_cast<double>(norm);
    const float scale = static_cast<float>(std::sqrt(examples_ / norms_));
    const float step = scale * rtml::Logistic::flow(before, y, 0.5F * scale * sensitivity) / (scale * sensitivity);
    each(x, [&](Record& record, float z) { record.weight += step * z * record.rate; });
    return rtml::math::sigmoid(before);
  }

 private:
  struct Record {
    float weight = 0.0F;
    float energy = 0.0F;
    float largest = 0.0F;
    float rate = 0.0F;
  };

  float margin(rtml::Features x) const {
    float sum = records_.back().weight;
    for (std::size_t j = 0; j < x.dense.size(); ++j) sum += records_[j].weight * x.dense[j];
    for (const auto& feature : x.sparse) sum += records_[feature.index & mask_].weight * feature.value;
    return sum;
  }

  template <class Use>
  void each(rtml::Features x, Use use) {
    for (std::size_t j = 0; j < x.dense.size(); ++j)
      if (x.dense[j] != 0.0F) use(records_[j], x.dense[j]);
    for (const auto& feature : x.sparse) use(records_[feature.index & mask_], feature.value);
    use(records_.back(), 1.0F);
  }

  std::uint32_t mask_;
  std::vector<Record, rtml::HugePageAllocator<Record>> records_;
  double examples_ = 0.0;
  double norms_ = 0.0;
};

/// What memory alone takes: every cell that a pass touches, read (and written) in its order, nothing computed.
class Memory {
 public:
  Memory(const SparseRows& rows, unsigned bits)
      : mask_((std::uint32_t{1} << bits) - 1), cells_(rows.columns() != 0 ? rows.columns() : std::size_t{1} << bits) {}

  float read(rtml::Features x) const {
    float sum = 0.0F;
    for (std::size_t j = 0; j < x.dense.size(); ++j) sum += cells_[j].weight + x.dense[j];
    for (const auto& feature : x.sparse) sum += cells_[feature.index & mask_].weight;
    return sum;
  }
  void write(rtml::Features x) {
    for (std::size_t j = 0; j < x.dense.size(); ++j) cells_[j].weight += x.dense[j];
    for (const auto& feature : x.sparse) cells_[feature.index & mask_].weight += feature.value;
  }

 private:
  struct Cell {
    float weight = 0.0F;
    std::array<float, 3> rest{};
  };
  std::uint32_t mask_;
  std::vector<Cell, rtml::HugePageAllocator<Cell>> cells_;
};

constexpr std::size_t ahead = 4;  // rows whose weights are fetched before they are needed

struct Contender {
  std::string name;
  std::function<std::pair<Pass, Pass>(const SparseRows&, unsigned)> begin;  // afresh: learn, predict
  std::vector<double> learn = {};                                           // ns a value, by round
  std::vector<double> predict = {};
  double loss = 0.0;
};

template <class Learner>
std::pair<Pass, Pass> passes_of(std::shared_ptr<Learner> learner, bool probability = true) {
  return {[learner, probability](const SparseRows& rows) {
            double sum = 0.0;
            for (std::size_t i = 0; i < rows.size(); ++i) {
              if constexpr (requires { learner->prefetch(rows[i]); })
                if (i + ahead < rows.size()) learner->prefetch(rows[i + ahead]);
              sum += log_loss(learner->learn(rows[i], rows.label(i)), rows.label(i));
            }
            return probability ? sum / static_cast<double>(rows.size()) : 0.0;
          },
          [learner](const SparseRows& rows) {
            double sum = 0.0;
            for (std::size_t i = 0; i < rows.size(); ++i) {
              if constexpr (requires { learner->prefetch(rows[i]); })
                if (i + ahead < rows.size()) learner->prefetch(rows[i + ahead]);
              sum += static_cast<double>(learner->predict(rows[i]));
            }
            return sum;
          }};
}

template <class Optimizer, class Loss = rtml::Logistic>
Contender linear(std::string name) {
  return {std::move(name), [](const SparseRows& rows, unsigned bits) {
            using Learner = rtml::Linear<Loss, Optimizer>;
            auto learner = std::make_shared<Learner>(typename Learner::Options{.bits = bits});
            learner->bind(rows.schema());
            return passes_of(std::move(learner), std::same_as<Loss, rtml::Logistic>);
          }};
}

std::vector<Contender> contenders() {
  std::vector<Contender> all;
  all.push_back({"plain scalar loop of nag",
                 [](const SparseRows& rows, unsigned bits) { return passes_of(std::make_shared<PlainNag>(rows, bits)); }});
  all.push_back({"memory alone", [](const SparseRows& rows, unsigned bits) {
                   auto memory = std::make_shared<Memory>(rows, bits);
                   return std::pair<Pass, Pass>{[memory](const SparseRows& of) {
                                                  for (std::size_t i = 0; i < of.size(); ++i) memory->write(of[i]);
                                                  return 0.0;
                                                },
                                                [memory](const SparseRows& of) {
                                                  double sum = 0.0;
                                                  for (std::size_t i = 0; i < of.size(); ++i)
                                                    sum += static_cast<double>(memory->read(of[i]));
                                                  return sum;
                                                }};
                 }});
  all.push_back(linear<rtml::Nag>("nag"));
  all.push_back(linear<rtml::MultiRate>("multirate (default)"));
  all.push_back(linear<rtml::AdaGrad>("adagrad"));
  all.push_back(linear<rtml::FtrlProximal>("ftrl"));
  all.push_back(linear<rtml::Sgd>("sgd"));
  all.push_back(linear<rtml::Adam>("adam"));
  all.push_back(linear<rtml::CoinBetting>("coin"));
  all.push_back(linear<rtml::PassiveAggressive, rtml::Hinge>("passive_aggressive (hinge)"));
  return all;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

nlohmann::ordered_json measure(const std::string& what, const SparseRows& rows, const Options& options) {
  std::vector<Contender> all = contenders();
  const auto values = static_cast<double>(rows.values());
  double kept = 0.0;  // what was computed is used
  for (int round = 0; round < options.rounds; ++round) {
    for (Contender& contender : all) {
      const auto passes = contender.begin(rows, options.bits);
      contender.learn.push_back(thread_cpu_ns([&] { contender.loss = passes.first(rows); }) / values);
      contender.predict.push_back(thread_cpu_ns([&] { kept += passes.second(rows); }) / values);
    }
  }
  const double learn_of_plain = median(all[0].learn);
  const double predict_of_plain = median(all[0].predict);
  if (!options.json)
    fmt::print("{}: {} rows, ns a value, median of {} rounds [lowest, highest]{}\n\n{:<26}{:>24}{:>9}{:>24}{:>9}{:>11}\n", what,
               rows.size(), options.rounds, kept == 0.0 ? "." : "", "", "learn", "x plain", "predict", "x plain", "log loss");
  auto json = nlohmann::ordered_json::array();
  for (const Contender& contender : all) {
    const double learn = median(contender.learn);
    const double predict = median(contender.predict);
    nlohmann::ordered_json one;
    one["name"] = contender.name;
    one["learn_ns_per_feature"] = learn;
    one["predict_ns_per_feature"] = predict;
    one["learn_speedup"] = learn_of_plain / learn;
    one["predict_speedup"] = predict_of_plain / predict;
    one["logloss"] = contender.loss;
    json.push_back(one);
    if (options.json) continue;
    const auto spread = [](double middle, const std::vector<double>& of) {
      return fmt::format("{:.2f} [{:.2f}, {:.2f}]", middle, *std::min_element(of.begin(), of.end()),
                         *std::max_element(of.begin(), of.end()));
    };
    fmt::print("{:<26}{:>24}{:>9.2f}{:>24}{:>9.2f}{:>11}\n", contender.name, spread(learn, contender.learn), learn_of_plain / learn,
               spread(predict, contender.predict), predict_of_plain / predict,
               contender.loss == 0.0 ? std::string("-") : fmt::format("{:.6f}", contender.loss));
  }
  if (!options.json) fmt::print("\n");
  return json;
}

void run(const Options& options) {
  nlohmann::ordered_json json;
  json["sparse"] = measure("sparse", options.sparse.empty() ? SparseRows::made_sparse(100'000, 30) : SparseRows(options.sparse), options);
  json["dense"] = measure("dense", options.dense.empty() ? SparseRows::made_dense(50'000, 100) : SparseRows(options.dense), options);
  if (options.json) fmt::print("{}\n", json.dump(2));
}

}  // namespace
}  // namespace linear_bench

void add_linear(CLI::App& app) {
  using namespace linear_bench;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("linear", "what a value costs linear learners, beside a plain scalar loop and memory alone");
  command->add_option("--sparse", options->sparse, "F.svm or F.bin of hashed rows; made ones without");
  command->add_option("--dense", options->dense, "F.bin of dense rows; made ones without");
  command->add_option("--bits", options->bits, "2^bits hashed weights")->check(CLI::Range(1, 30))->capture_default_str();
  command->add_option("--rounds", options->rounds, "each contender is measured so often")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
