#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/published.hpp"
#include "rtml/serve/score_table.hpp"
#include "rtml/serve/snapshots.hpp"

namespace rtml {

/// Hybrid prediction: scores that a batch job computed beforehand for each entity (nightly, by a big model), corrected when asked by a
/// light
/// re-ranker that sees fresh features and learns online.
///
///     Hybrid model(std::move(reranker), {.max_age = hours(36)});        // its schema's first dense column is the base score
///     model.load(scores);                                              // the job's, whenever there are new ones: swapped whole
///     auto answer = model.predict(key, now, dense, sparse);            // writes dense[0]
///     model.learn(dense, sparse, y);                                   // later, with the vector that was served
///
/// `Form::correction`: score = base + what the re-ranker (of a number: squared loss, say) says, which learns y - base. So before anything
/// was
/// learned it serves the base scores as they are: the base begins at weight 1. `Form::feature`: the score is the re-ranker's, of any loss,
/// which knows the base as dense[0] only, and has to learn what it is worth.
///
/// Cost of predict: one lookup and the re-ranker; no lock, no allocation. Thread safety: `predict` and counters from any thread; `learn`
/// and what
/// else concerns the re-ranker belong to one thread, `load` to one (another, if you like).
template <ScalarLearner Reranker>
class Hybrid {
 public:
  enum class Form : std::uint8_t { correction, feature };

  /// What stands for a base score that is missing or stale.
  enum class Fallback : std::uint8_t {
    reranker,  ///< dense[0] is missing (NaN): fresh features alone speak; what a correction is added to is `prior`
    prior,     ///< dense[0] is `prior`
    as_it_is,  ///< the stale score
  };

  struct Options {
    Form form = Form::correction;
    Duration max_age = std::chrono::hours(48);  ///< of a score that is not stale; > 0
    Fallback missing = Fallback::prior;         ///< not as_it_is
    Fallback stale = Fallback::as_it_is;
    float prior = 0.0F;  ///< in the unit of the scores
    typename Snapshots<Reranker>::Options snapshots = {};
  };

  enum class Base : std::uint8_t { fresh, stale, missing };

  struct Answer {
    float score = 0.0F;
    Base base = Base::missing;
  };

  /// @throws ConfigError when an option is outside its range.
  Hybrid(Reranker reranker, Options options)
      : options_(std::move(options)), reranker_(std::move(reranker), options_.snapshots), table_(std::make_unique<ScoreTable>()) {
    require("Hybrid", "max_age", options_.max_age.count(), options_.max_age > Duration::zero(), "more than 0");
    require("Hybrid", "missing", "as_it_is", options_.missing != Fallback::as_it_is, "reranker or prior");
    require("Hybrid", "prior", options_.prior, is_usable(options_.prior), "finite");
  }
  explicit Hybrid(Reranker reranker) : Hybrid(std::move(reranker), Options{}) {}

  /// Replaces all scores at once; requests see the old ones or the new ones. Returns how many there are, when no request reads the old ones
  /// any more and their memory is free. O(n), beside serving.
  std::size_t load(std::span<const PrecomputedScore> scores) {
    auto next = std::make_unique<ScoreTable>(scores);
    const std::size_t size = next->size();
    refused_.fetch_add(next->refused(), std::memory_order_relaxed);
    table_.publish(std::move(next));
    for (table_.reclaim().reset(); table_.retired() > 0; table_.reclaim().reset()) std::this_thread::yield();  // a lookup takes no longer
    return size;
  }

  /// Writes the base score to dense[0], and predicts. A score from the future is fresh.
  /// @pre dense has the re-ranker's columns, one at least
  Answer predict(std::uint64_t key, Time now, std::span<float> dense, std::span<const SparseFeature> sparse = {}) const noexcept {
    const ScoreTable::Found found = table_.read()->find(key);
    const Base base = !found.present ? Base::missing : (is_older(found.at, now) ? Base::stale : Base::fresh);
    counts_[static_cast<std::size_t>(base)].count.fetch_add(1, std::memory_order_relaxed);
    const Fallback fallback = base == Base::fresh ? Fallback::as_it_is : (base == Base::stale ? options_.stale : options_.missing);
    dense[0] = fallback == Fallback::as_it_is ? found.score
                                              : (fallback == Fallback::prior ? options_.prior : std::numeric_limits<float>::quiet_NaN());
    const float said = reranker_.predict({dense, sparse});
    return {options_.form == Form::correction ? base_of(dense[0]) + said : said, base};
  }

  /// Learns from the vector that `predict` served. Returns what would be answered now, just before. Anything not usable is refused by the
  /// re-ranker.
  /// @pre as predict
  float learn(std::span<const float> dense, std::span<const SparseFeature> sparse, float y, float weight = 1.0F) {
    const Features x{dense, sparse};
    if (options_.form == Form::feature) return reranker_.learn(x, y, weight);
    const float base = base_of(dense[0]);
    return base + reranker_.learn(x, is_finite(y) ? y - base : y, weight);
  }

  std::uint64_t fresh() const noexcept { return count_of(Base::fresh); }      ///< answers with a base score
  std::uint64_t stale() const noexcept { return count_of(Base::stale); }      ///< whose base score was too old
  std::uint64_t missing() const noexcept { return count_of(Base::missing); }  ///< without one
  std::uint64_t refused_scores() const noexcept { return refused_.load(std::memory_order_relaxed); }

  /// Freshness of the re-ranker, its state to save, publishing at once.
  Snapshots<Reranker>& reranker() noexcept { return reranker_; }
  const Snapshots<Reranker>& reranker() const noexcept { return reranker_; }

  /// For the thread that loads, while nobody learns.
  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(table_) - sizeof(reranker_) + table_.memory_bytes() + reranker_.memory_bytes();
  }

 private:
  struct alignas(64) Count {
    std::atomic<std::uint64_t> count{0};
  };

  /// By more than `max_age`, whatever the times: their difference need not be a Duration.
  bool is_older(Time at, Time now) const noexcept {
    const auto ticks = [](Time time) { return static_cast<std::uint64_t>(to_unix_micros(time)); };
    return at < now && ticks(now) - ticks(at) > static_cast<std::uint64_t>(options_.max_age.count());
  }

  float base_of(float stored) const noexcept { return is_nan(stored) ? options_.prior : stored; }
  std::uint64_t count_of(Base base) const noexcept { return counts_[static_cast<std::size_t>(base)].count.load(std::memory_order_relaxed); }

  Options options_;
  Snapshots<Reranker> reranker_;
  Published<ScoreTable> table_;
  mutable Count counts_[3];
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace rtml
