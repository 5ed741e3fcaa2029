// rtml-bench score: a block of dense rows, bigger than the caches, by score_batch, row by row, and read without being used, in turns;
// then by several
// threads. The median of the rounds, wall clock.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/serve/score_batch.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace score_bench {
namespace {

struct Options {
  std::size_t columns = 128;
  std::size_t megabytes = 256;
  std::string learner = "linear";
  std::size_t threads = 2;
  std::size_t rounds = 11;
  bool json = false;
};

using Floats = std::vector<float, rtml::HugePageAllocator<float>>;

/// Reads every byte, 64 at a time, and does as little with it as will keep it.
std::uint64_t read_all(const float* from, std::size_t count) {
  using Words = std::uint64_t __attribute__((vector_size(16)));
  Words kept[4] = {};
  for (std::size_t i = 0; i + 16 <= count; i += 16) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < 4; ++k) {
      Words words;
      std::memcpy(&words, from + i + 4 * k, sizeof(words));
      kept[k] ^= words;
    }
  }
  const Words all = (kept[0] ^ kept[1]) ^ (kept[2] ^ kept[3]);
  return all[0] ^ all[1];
}

template <class Work>
double seconds_of(Work work) {
  const auto began = Clock::now();
  work();
  return nanoseconds(Clock::now() - began) * 1e-9;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void run(const Options& options) {
  const std::size_t d = options.columns;
  const std::size_t rows = (options.megabytes << 20U) / sizeof(float) / d;
  Floats block(rows * d);
  rtml::Rng rng(1);
  for (float& value : block) value = static_cast<float>(rng.below(2048)) / 1024.0F - 1.0F;
  std::vector<rtml::Column> columns(d);
  for (std::size_t i = 0; i < d; ++i) columns[i].name = "x" + std::to_string(i);
  const rtml::Task task = options.learner.starts_with("logistic") ? rtml::Task::binary : rtml::Task::regression;
  rtml::AnyLearner model = rtml::make_learner(options.learner, task, 2);
  model.bind(rtml::Schema(std::move(columns)));
  const rtml::Batch batch(block.data(), rows, d);
  std::vector<float> before(model.outputs());
  for (std::size_t i = 0; i < std::min<std::size_t>(rows, 2000); ++i)
    model.learn(batch.row(i), batch.row(i).dense[0] > 0.0F ? 1.0F : 0.0F, 1.0F, before);

  std::vector<float> out(rows * model.outputs());
  std::vector<double> read;
  std::vector<double> scored;
  std::vector<double> singly;
  std::vector<double> of_read;
  std::vector<double> threads;
  std::vector<double> read_threads;
  std::uint64_t kept = 0;
  for (std::size_t r = 0; r < options.rounds; ++r) {
    read.push_back(seconds_of([&] { kept ^= read_all(block.data(), block.size()); }));
    scored.push_back(seconds_of([&] { rtml::score_batch(model, batch, out); }));
    singly.push_back(seconds_of([&] {
      for (std::size_t i = 0; i < rows; ++i) model.predict(batch.row(i), std::span(out).subspan(i * model.outputs(), model.outputs()));
    }));
    of_read.push_back(read.back() / scored.back());
    threads.push_back(scored.back() / seconds_of([&] { rtml::score_batch(model, batch, out, options.threads); }));
    std::vector<std::uint64_t> each(options.threads);
    read_threads.push_back(read.back() / seconds_of([&] {
                             std::vector<std::thread> running;
                             const std::size_t part = block.size() / options.threads;
                             for (std::size_t t = 0; t < options.threads; ++t)
                               running.emplace_back([&, t] { each[t] = read_all(block.data() + t * part, part); });
                             for (std::thread& thread : running) thread.join();
                           }));
    for (const std::uint64_t one : each) kept ^= one;
  }
  const double bytes = static_cast<double>(rows * d * sizeof(float));
  const nlohmann::ordered_json json = {{"learner", options.learner},
                                       {"rows", rows},
                                       {"columns", d},
                                       {"score_gb_per_second", bytes / median(scored) * 1e-9},
                                       {"rows_per_second", static_cast<double>(rows) / median(scored)},
                                       {"one_by_one_gb_per_second", bytes / median(singly) * 1e-9},
                                       {"read_gb_per_second", bytes / median(read) * 1e-9},
                                       {"score_of_read", median(of_read)},
                                       {"threads", options.threads},
                                       {"threads_ratio", median(threads)},
                                       {"read_threads_ratio", median(read_threads)},
                                       {"read_check", kept}};
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("{} rows of {} columns, {}: {:.1f} GB/s, {:.2f} of reading ({:.1f} GB/s); one by one {:.1f} GB/s\n", rows, d, options.learner,
             bytes / median(scored) * 1e-9, median(of_read), bytes / median(read) * 1e-9, bytes / median(singly) * 1e-9);
  fmt::print("{} threads: {:.2f} times as quick; reading alone {:.2f} times (check {})\n", options.threads, median(threads),
             median(read_threads), kept);
}

}  // namespace
}  // namespace score_bench

void add_score(CLI::App& app) {
  using namespace score_bench;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("score", "score a block of dense rows, beside reading it");
  command->add_option("--columns", options->columns, "dense columns")->check(CLI::Range(1, 65536))->capture_default_str();
  command->add_option("--megabytes", options->megabytes, "size of the block")->check(CLI::Range(1, 16384))->capture_default_str();
  command->add_option("--learner", options->learner, "NAME[:k=v,...]")->capture_default_str();
  command->add_option("--threads", options->threads, "in the second part")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--rounds", options->rounds, "of each, in turns")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
