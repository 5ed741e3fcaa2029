#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/example_arena.hpp"
#include "rtml/replay/priority_tree.hpp"

namespace rtml {

/// Keeps a uniform sample of all examples ever added, and draws those more often that the learner got wrong when it last saw them: with
/// probability P proportional to (loss + epsilon)^alpha. What is drawn weighs (1 / (n P))^beta, 10 at most: with beta = 1 the drawn
/// examples teach what a uniform sample would, with less hard ones count for more.
///
/// Allocates in the constructor and in bind(); `add` is O(d + nnz + log n), `draw` and `update` O(log n), none allocates.
/// Source: T. Schaul, J. Quan, I. Antonoglou, D. Silver, "Prioritized experience replay", ICLR 2016, algorithm 1, proportional. Three
/// things differ. The paper keeps the newest million: a reservoir keeps the sample here, as the newest alone forget. It gives new examples
/// the largest priority: their loss is known here. It divides weights by the largest of them: then rehearsal would count for less than its
/// ratio says.
class PrioritizedBuffer {
 public:
  struct Options {
    std::size_t capacity = 10'000;  ///< examples, in [1, 2^32)
    double alpha = 0.6;             ///< in [0, 1]: 0 draws all equally often
    double beta = 0.4;              ///< in [0, 1]: 1 makes up for the draws entirely
    double epsilon = 0.01;          ///< added to each loss, in its unit, in [1e-6, 1e6]: what has none is drawn too
    std::size_t max_sparse = 64;    ///< hashed features an example, unless bind() asks for more; one with more is refused
    std::uint64_t seed = 0;
  };

  static constexpr float unknown = std::numeric_limits<float>::quiet_NaN();  ///< a loss that nobody knows

  PrioritizedBuffer() : PrioritizedBuffer(Options{}) {}

  /// @throws ConfigError
  explicit PrioritizedBuffer(const Options& options)
      : arena_("PrioritizedBuffer", options.capacity, options.max_sparse),
        alpha_(options.alpha),
        beta_(options.beta),
        epsilon_(options.epsilon),
        rng_(options.seed) {
    const auto is_share = [](double value) { return is_finite(value) && value >= 0.0 && value <= 1.0; };
    require("PrioritizedBuffer", "alpha", alpha_, is_share(alpha_), "in [0, 1]");
    require("PrioritizedBuffer", "beta", beta_, is_share(beta_), "in [0, 1]");
    require("PrioritizedBuffer", "epsilon", epsilon_, is_finite(epsilon_) && epsilon_ >= 1e-6 && epsilon_ <= 1e6, "in [1e-6, 1e6]");
    priorities_ = detail::PriorityTree(options.capacity);
  }

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) { arena_.bind("PrioritizedBuffer", schema, sparse); }

  /// `loss` is what the learner's prediction cost; one that is not known counts as the mean of those here. Weight 0 does nothing; what is
  /// not usable, does not fit, or comes before bind() is refused and counted.
  void add(const Features& x, float y, float weight = 1.0F, Time at = {}, float loss = unknown) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight)) {
      ++refused_;
      return;
    }
    ++seen_;
    const std::uint64_t place = size_ < capacity() ? size_ : rng_.below(seen_);
    if (place >= capacity()) return;
    const float priority = is_loss(loss) ? priority_of(loss) : mean_priority();
    if (size_ < capacity()) ++size_;
    arena_.put(static_cast<std::size_t>(place), x, y, weight, at);
    priorities_.set(static_cast<std::size_t>(place), priority);
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return arena_.capacity(); }

  /// In no particular order. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(i); }

  /// Which one, hard ones more often. @pre size() > 0
  std::size_t draw(Rng& rng) const noexcept { return priorities_.place_of(rng.uniform() * priorities_.total()); }

  /// One that was drawn, as it is. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return at(draw(rng)); }

  /// What the weight of an example is to be multiplied by when it was drawn, in (0, 10]. @pre i < size()
  float importance(std::size_t i) const noexcept {
    return static_cast<float>(std::min(std::pow(1.0 / (static_cast<double>(size_) * probability(i)), beta_), 10.0));
  }

  /// The share of draws that is example i's. @pre i < size()
  double probability(std::size_t i) const noexcept { return static_cast<double>(priorities_.at(i)) / priorities_.total(); }

  /// What a prediction of example i cost now; NaN leaves its priority as it is. @pre i < size()
  void update(std::size_t i, float loss) noexcept {
    if (is_loss(loss)) priorities_.set(i, priority_of(loss));
  }

  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept { return seen_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept {
    size_ = 0, seen_ = 0, refused_ = 0;
    priorities_.clear();
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + arena_.heap_bytes() + priorities_.heap_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PrioritizedBuffer", 1);
    ar(self.rng_, self.seen_, self.refused_);
    std::size_t count = self.size_;
    detail::ExampleArena::archive(self.arena_, ar, count, [](std::size_t i) { return i; });
    ar.check(count == std::min<std::uint64_t>(self.seen_, self.capacity()), "number of examples seen");
    if constexpr (Ar::reading) {
      self.size_ = count;
      self.priorities_.clear();
    }
    for (std::size_t i = 0; i < count; ++i) {
      float priority = self.priorities_.at(i);
      ar(priority);
      ar.check(is_usable(priority) && priority > 0.0F, "priority");
      if constexpr (Ar::reading) self.priorities_.set(i, priority);
    }
  }

 private:
  static bool is_loss(float loss) noexcept { return is_finite(loss) && loss >= 0.0F; }

  float priority_of(float loss) const noexcept {
    return static_cast<float>(std::pow(std::min(static_cast<double>(loss), 1e15) + epsilon_, alpha_));
  }

  float mean_priority() const noexcept { return size_ == 0 ? 1.0F : static_cast<float>(priorities_.total() / static_cast<double>(size_)); }

  detail::ExampleArena arena_;
  double alpha_;
  double beta_;
  double epsilon_;
  Rng rng_;
  detail::PriorityTree priorities_;
  std::size_t size_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
