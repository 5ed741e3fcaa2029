#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/features.hpp"

namespace rtml::detail {

/// A learner whose big table another copy can follow cell by cell: `each_cell` names what learning an example may change, `catch_up`
/// makes an
/// older copy equal to a newer one that differs from it in such cells, and in what is small.
template <class T>
concept CopiesCells = requires(T& older, const T& newer, const Features& x, const Context& context, std::span<const std::uint32_t> cells) {
  newer.each_cell(x, context, [](std::uint32_t) {});
  older.catch_up(newer, cells);
};

template <class Learner>
using LabelOf = std::conditional_t<ClassLearner<Learner>, int, float>;

template <class Learner>
auto teach(Learner& learner, const Features& x, LabelOf<Learner> y, float weight, [[maybe_unused]] const Context& context) noexcept {
  if constexpr (requires { learner.learn(x, y, weight, context); }) {
    return learner.learn(x, y, weight, context);
  } else {
    return learner.learn(x, y, weight);
  }
}

/// What was done to the newest copy of a learner, so that one that lags can follow. Places in it are counted from the beginning of time;
/// what
/// was let go, because nobody lags so far or because a whole copy costs less, is before begin().
class Journal {
 public:
  std::uint64_t begin() const noexcept { return begin_; }
  std::uint64_t end() const noexcept { return end_; }

 protected:
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

/// The cells that were touched: a copy follows by copying those.
template <class Learner>
class CellJournal : public Journal {
 public:
  /// Of a copy cell by cell each is a miss or two, a whole one reads some fifty bytes in that time.
  explicit CellJournal(const Learner& learner) : most_(std::max<std::size_t>(4096, learner.memory_bytes() / 64)) {}

  /// Call before `learner` learns `x`.
  void note(const Learner& learner, const Features& x, LabelOf<Learner> /*y*/, float /*weight*/, const Context& context) {
    if (cells_.size() >= most_) trim(end_);
    learner.each_cell(x, context, [&](std::uint32_t cell) { cells_.push_back(cell); });
    end_ = begin_ + cells_.size();
  }

  /// Makes `lagging`, the learner as it was at a place of this journal, the equal of `newest`. @pre from >= begin()
  void follow(Learner& lagging, const Learner& newest, std::uint64_t from) const {
    lagging.catch_up(newest, std::span(cells_).subspan(static_cast<std::size_t>(from - begin_)));
  }

  /// Lets go what is before a place.
  void trim(std::uint64_t to) {
    if (to <= begin_) return;
    cells_.erase(cells_.begin(), cells_.begin() + static_cast<std::ptrdiff_t>(to - begin_));
    begin_ = to;
  }

  std::size_t memory_bytes() const noexcept { return cells_.capacity() * sizeof(std::uint32_t); }

 private:
  std::size_t most_;
  std::vector<std::uint32_t> cells_;
};

/// The examples that were learned: a copy follows by learning them too, which gives the same bits because learning is deterministic.
template <class Learner>
class ExampleJournal : public Journal {
 public:
  explicit ExampleJournal(const Learner& learner) : most_(std::max(std::size_t{1} << 20U, learner.memory_bytes())) {}

  void note(const Learner& /*learner*/, const Features& x, LabelOf<Learner> y, float weight, const Context& context) {
    if (held() >= most_) trim(end_);
    steps_.push_back({y, weight, context.at, context.entity, dense_.size(), sparse_.size(), fields_.size()});
    dense_.insert(dense_.end(), x.dense.begin(), x.dense.end());
    sparse_.insert(sparse_.end(), x.sparse.begin(), x.sparse.end());
    fields_.insert(fields_.end(), context.fields.begin(), context.fields.end());
    end_ = begin_ + steps_.size();
  }

  void follow(Learner& lagging, const Learner& /*newest*/, std::uint64_t from) const {
    for (auto i = static_cast<std::size_t>(from - begin_); i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const Step end = i + 1 < steps_.size() ? steps_[i + 1] : past();
      const Features x{std::span(dense_).subspan(step.dense, end.dense - step.dense),
                       std::span(sparse_).subspan(step.sparse, end.sparse - step.sparse)};
      const Context context{step.at, step.entity, std::span(fields_).subspan(step.fields, end.fields - step.fields)};
      static_cast<void>(teach(lagging, x, step.y, step.weight, context));
    }
  }

  void trim(std::uint64_t to) {
    if (to <= begin_) return;
    const auto count = static_cast<std::size_t>(to - begin_);
    const Step first = count < steps_.size() ? steps_[count] : past();
    const auto drop = [](auto& values, std::size_t n) { values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n)); };
    drop(steps_, count);
    drop(dense_, first.dense);
    drop(sparse_, first.sparse);
    drop(fields_, first.fields);
    for (Step& step : steps_) {
      step.dense -= first.dense;
      step.sparse -= first.sparse;
      step.fields -= first.fields;
    }
    begin_ = to;
  }

  std::size_t memory_bytes() const noexcept {
    return steps_.capacity() * sizeof(Step) + dense_.capacity() * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature) +
           fields_.capacity() * sizeof(std::uint32_t);
  }

 private:
  struct Step {
    LabelOf<Learner> y = 0;
    float weight = 0.0F;
    Time at{};
    std::uint64_t entity = 0;
    std::size_t dense = 0;  // where its values begin
    std::size_t sparse = 0;
    std::size_t fields = 0;
  };

  Step past() const noexcept {
    Step step;
    step.dense = dense_.size();
    step.sparse = sparse_.size();
    step.fields = fields_.size();
    return step;
  }
  std::size_t held() const noexcept {
    return steps_.size() * sizeof(Step) + dense_.size() * sizeof(float) + sparse_.size() * sizeof(SparseFeature) +
           fields_.size() * sizeof(std::uint32_t);
  }

  std::size_t most_;
  std::vector<Step> steps_;
  std::vector<float> dense_;
  std::vector<SparseFeature> sparse_;
  std::vector<std::uint32_t> fields_;
};

}  // namespace rtml::detail
