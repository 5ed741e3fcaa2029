#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/learn/linear.hpp"

namespace rtml {

/// One model that any number of threads predict with while others learn: without locks, and without undefined behaviour. Each number is read
/// and written whole (relaxed atomics), all of them together are not: a prediction may see some weights before a step and some after it.
///
///     Shared shared(std::move(model));           // bound, learned before or not
///     auto learner = shared.learner();           // one for each thread that learns
///     learner.learn(x, y);
///     shared.predict(x);                         // any thread, meanwhile
///
/// One learner alone learns what a Linear learns, to the bit. Several at once may lose steps that meet in one weight: few do where examples
/// are sparse. Dense columns, their scales and the intercept are in every example: there, several learners win little and lose most.
///
/// Source: F. Niu, B. Recht, C. Re, S. J. Wright, "Hogwild: a lock-free approach to parallelizing stochastic gradient descent", NIPS 2011.
///
/// Cost over Linear's: learn writes (and, of several learners, reads) what belongs to the dense columns, O(d); hashed features cost what they
/// did. Thread safety: all but construction and destruction; a learner belongs to one thread and must not outlive its Shared.
template <class Loss, class Optimizer>
class Shared<Linear<Loss, Optimizer>> {
  using Model = Linear<Loss, Optimizer>;
  using Front = typename Model::Front;
  static_assert(std::is_trivially_copyable_v<Front>);

  static constexpr std::size_t fields = Optimizer::fields;
  static constexpr std::size_t lanes = Optimizer::lanes;
  static constexpr std::size_t front_words = (sizeof(Front) + 7) / 8;

 public:
  class Learner;

  /// @throws ConfigError when `model` has L1 or L2 that are worked in lazily: those belong to one owner. FTRL's own do not.
  explicit Shared(Model model) : model_(std::move(model)), table_(std::move(model_.table_)), front_(front_words), dense_(fields + 2) {
    require("Shared", "l1 or l2", std::max(model_.options_.l1, model_.options_.l2), !model_.penalised(), "0, or of FTRL");
    model_.table_ = {};
    table_.own();
    if (Model::scales_hashed && !table_.empty()) table_.scales.allocate(model_.options_.bits);  // before anybody looks
    for (auto& column : dense_) column = std::vector<std::atomic<float>>(model_.schema_.dense_size());
    publish(model_);
  }

  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  float predict(const Features& x) const noexcept { return predict(x, {}); }
  float predict(const Features& x, const Context& context) const noexcept {
    typename Model::Margins margins;
    return model_.template evaluate_in<detail::SharedAccess>(table_, front(), x, context.fields, SharedDense{*this, x}, nullptr, margins);
  }

  /// @throws std::bad_alloc. O(d).
  Learner learner() { return Learner(*this); }

  /// The model as it is now, with one owner: exact when nobody learns meanwhile. O(d + 2^bits).
  Model snapshot() const {
    Model model = model_;
    take(model);
    if (!table_.empty()) {
      model.table_.allocate(model_.options_.bits);
      for (std::uint32_t i = 0; i <= table_.mask(); ++i) model.table_[i] = table_.template load<detail::SharedAccess>(i);
      model.table_.scales.template take<detail::SharedAccess>(table_.scales, model.options_.bits);
    }
    model.refused_ = refused();
    return model;
  }

  const Schema& schema() const noexcept { return model_.schema_; }
  std::size_t memory_bytes() const noexcept {
    const std::size_t columns = model_.schema_.dense_size() * sizeof(float) + sizeof(std::vector<std::atomic<float>>);
    return sizeof(*this) - sizeof(model_) + model_.memory_bytes() + table_.memory_bytes() + front_words * sizeof(std::uint64_t) +
           dense_.size() * columns;
  }
  std::uint64_t refused() const noexcept { return model_.refused_ + refused_.load(std::memory_order_relaxed); }

 private:
  /// As ColumnScale::dots, in its order, over what others write: copied some columns at a time, as only whole vectors are fast.
  struct SharedProducts {
    static constexpr std::size_t columns = 64;

    SharedProducts(const Shared& of, const float* values) noexcept : shared(of), x(values) {}

    const Shared& shared;
    const float* x;
    std::array<std::array<float, columns>, lanes + 1> copied;  // weights, scales

    template <class Floats, class Load>
    void operator()(Floats (&products)[lanes], Load load) noexcept {
      Load here = load;
      here.at %= columns;
      if (here.at == 0) copy(load.at);
      std::array<const float*, lanes> w;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
      for (std::size_t k = 0; k < lanes; ++k) w[k] = copied[k].data();
      kernels::detail::ProductsWithin<lanes>{w.data(), x + (load.at - here.at), copied[lanes].data(), detail::largest_scaled}(products,
                                                                                                                              here);
    }

    void copy(std::size_t from) noexcept {
      const std::size_t n = std::min(columns, shared.model_.schema_.dense_size() - from);
      const auto take = [&](std::size_t array, std::array<float, columns>& to) {
        for (std::size_t j = 0; j < n; ++j) to[j] = shared.dense_[array][from + j].load(std::memory_order_relaxed);
      };
      for (std::size_t k = 0; k < lanes; ++k) take(k, copied[k]);
      if constexpr (Optimizer::scales_itself) {
        copied[lanes].fill(std::numeric_limits<float>::max());  // nothing is cut
      } else {
        take(fields, copied[lanes]);
      }
    }
  };

  struct SharedDense {
    const Shared& shared;
    const Features& x;
    typename Model::Sums dots(std::size_t d) const noexcept {
      typename Model::Sums sums;
      kernels::detail::sums_in_lanes<16, lanes>(d, SharedProducts(shared, x.dense.data()), sums.data());
      return sums;
    }
    float scaled(std::size_t place) const noexcept {
      return detail::ColumnScale::scaled_by(shared.dense_[fields][place].load(std::memory_order_relaxed), x.dense[place]);
    }
  };

  Front front() const noexcept {
    std::array<std::uint64_t, front_words> words;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t i = 0; i < front_words; ++i) words[i] = front_[i].load(std::memory_order_relaxed);
    Front front;
    std::memcpy(static_cast<void*>(&front), words.data(), sizeof(Front));
    return front;
  }

  /// Calls use(shared, own) for each array of what belongs to the dense columns.
  template <class Dense, class Use>
  static void each_array(Dense& dense, Model& model, Use use) noexcept {
    for (std::size_t k = 0; k < fields; ++k) use(dense[k], model.dense_[k]);
    use(dense[fields], model.scale_.scales());
    use(dense[fields + 1], model.scale_.counts());
  }

  /// Gives what a model learned, but for its table, to everybody.
  void publish(Model& model) noexcept {
    std::array<std::uint64_t, front_words> words{};
    std::memcpy(words.data(), &model.front_, sizeof(Front));
    for (std::size_t i = 0; i < front_words; ++i) front_[i].store(words[i], std::memory_order_relaxed);
    each_array(dense_, model, [](auto& to, const std::vector<float>& from) {
      for (std::size_t j = 0; j < from.size(); ++j) to[j].store(from[j], std::memory_order_relaxed);
    });
  }

  /// Takes over what others learned.
  void take(Model& model) const noexcept {
    model.front_ = front();
    each_array(dense_, model, [](const auto& from, std::vector<float>& to) {
      for (std::size_t j = 0; j < to.size(); ++j) to[j] = from[j].load(std::memory_order_relaxed);
    });
  }

  Model model_;  // without a table: how everything was bound
  detail::HashedWeights<fields> table_;
  std::vector<std::atomic<std::uint64_t>> front_;
  std::vector<std::vector<std::atomic<float>>> dense_;  // [fields + 2, d]: weights field by field, scales, their counts
  std::atomic<const Learner*> last_{nullptr};           // who learned last: alone, it need not read what it wrote
  std::atomic<std::uint64_t> refused_{0};
};

template <class Loss, class Optimizer>
class Shared<Linear<Loss, Optimizer>>::Learner {
 public:
  float learn(const Features& x, float y, float weight = 1.0F) noexcept { return learn(x, y, weight, {}); }
  float learn(const Features& x, float y, float weight, const Context& context) noexcept {
    if (shared_->last_.load(std::memory_order_relaxed) != this) shared_->take(own_);
    const std::uint64_t refused = own_.refused_;
    const float before = own_.template learn_in<detail::SharedAccess>(shared_->table_, x, y, weight, context.fields);
    if (own_.refused_ != refused) {
      shared_->refused_.fetch_add(1, std::memory_order_relaxed);
      return before;
    }
    shared_->last_.store(this, std::memory_order_relaxed);
    shared_->publish(own_);
    return before;
  }

  void prefetch(const Features& x) const noexcept {
    if (shared_->table_.empty()) return;
    shared_->table_.prefetch(x.sparse);
  }

  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

 private:
  friend class Shared;
  explicit Learner(Shared& shared) : shared_(&shared), own_(shared.model_) { shared.take(own_); }

  Shared* shared_;
  Model own_;
};

template <class Loss, class Optimizer>
Shared(Linear<Loss, Optimizer>) -> Shared<Linear<Loss, Optimizer>>;

}  // namespace rtml
