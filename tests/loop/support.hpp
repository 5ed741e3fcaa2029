#pragma once

#include <unistd.h>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/loop.hpp"

namespace loop_test {

struct Trade {
  rtml::Time at;
  std::uint64_t trader = 0;
  double size = 0.0;
  double spread = 0.0;
  float good = 0.0F;  // the label
};

/// Trades a second apart; which of them are good turns round at `drift_at`.
inline std::vector<Trade> trades(std::size_t n, std::uint64_t seed = 1, std::size_t drift_at = ~std::size_t{0}) {
  rtml::Rng rng(seed);
  std::vector<Trade> made(n);
  for (std::size_t i = 0; i < n; ++i) {
    Trade& trade = made[i];
    trade.at = rtml::from_unix_seconds(1'700'000'000 + static_cast<std::int64_t>(i));
    trade.trader = rng.below(50);
    trade.size = 100.0 * (1.0 + rng.uniform());
    trade.spread = rng.normal();
    const double signal = trade.spread + 0.01 * (trade.size - 150.0) + 0.3 * rng.normal();
    trade.good = (signal > 0.0) == (i < drift_at) ? 1.0F : 0.0F;
  }
  return made;
}

inline rtml::FeatureSet<Trade> trade_features() {
  using namespace rtml;
  using namespace std::chrono_literals;
  return feature_set<Trade>(
      "trades-v1", &Trade::at, numeric("size", &Trade::size) | log1p() | standardize(), numeric("spread", &Trade::spread) | standardize(),
      category("trader", &Trade::trader),
      window("volume", field("trader", &Trade::trader), 1min, sum(field("size", &Trade::size))) | log1p() | standardize(),
      window("trades", field("trader", &Trade::trader), 10min, count()) | log1p() | standardize());
}

/// A folder of its own that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int made = 0;
    path_ = std::filesystem::temp_directory_path() / ("rtml-loop-" + std::to_string(::getpid()) + "-" + std::to_string(made++));
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Predicts, labels and works row by row; returns the served scores.
inline std::vector<float> run(rtml::Loop<Trade>& loop, const std::vector<Trade>& rows, std::size_t from, std::size_t to) {
  std::vector<float> scores;
  for (std::size_t i = from; i < to; ++i) {
    scores.push_back(loop.predict(i, rows[i]).score);
    loop.label(i, rows[i].good);
    loop.work();
  }
  return scores;
}

inline double metric(const rtml::Loop<Trade>& loop, const std::string& name, std::size_t arm = 0, bool window = false) {
  for (const auto& [metric_name, value] : loop.metrics(arm, window))
    if (metric_name == name) return value;
  return -1.0;
}

}  // namespace loop_test
