#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"

namespace rtml {

/// Any learner, its type erased where versions meet (registry, A/B, loop). A value: a copy is a copy of the model. Predictions are scores
/// in the caller's span: one for binary and regression, `outputs()` probabilities for classes. One virtual call an example.
///
/// Thread safety is the learner's: `predict` from any number of threads while nobody learns.
class AnyLearner {
 public:
  AnyLearner() = default;

  /// `name` is how reports and checkpoints call it.
  template <class T>
  requires(!std::same_as<T, AnyLearner> && (ScalarLearner<T> || ClassLearner<T>))
      AnyLearner(T learner, std::string name = default_name<T>())  // NOLINT(google-explicit-constructor): a learner is one
      : model_(std::make_unique<Model<T>>(std::move(learner))), name_(std::move(name)) {}

  AnyLearner(const AnyLearner& other)
      : model_(other.model_ ? other.model_->clone() : nullptr), schema_(other.schema_), name_(other.name_) {}
  AnyLearner(AnyLearner&&) noexcept = default;
  AnyLearner& operator=(const AnyLearner& other) {
    if (this != &other) *this = AnyLearner(other);
    return *this;
  }
  AnyLearner& operator=(AnyLearner&&) noexcept = default;
  ~AnyLearner() = default;

  explicit operator bool() const noexcept { return model_ != nullptr; }

  const std::string& name() const noexcept { return name_; }
  Task task() const noexcept { return model_->task(); }

  /// How many scores a prediction has: 1, or the number of classes.
  std::size_t outputs() const noexcept { return model_->outputs(); }

  /// The score above which a binary learner says 1.
  float threshold() const noexcept { return model_->threshold(); }

  /// What it learned from; empty before bind().
  const Schema& schema() const noexcept { return schema_; }

  /// Sizes the learner. Again with a schema that only gained columns: keeps what was learned.
  /// @throws SchemaError when `schema` lost or changed a column that was learned from.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError(name_ + " learned from other features: " + *missing));
    model_->bind(schema);
    schema_ = schema;
  }

  /// @pre scores.size() >= outputs()
  void predict(const Features& x, std::span<float> scores, const Context& context = {}) const noexcept {
    model_->predict(x, scores, context);
  }

  /// Learns, and fills `before` with the prediction made just before the update.
  /// @pre before.size() >= outputs()
  void learn(const Features& x, float y, float weight, std::span<float> before, const Context& context = {}) noexcept {
    model_->learn(x, y, weight, before, context);
  }

  /// Whether `predict_rows` may be called: the learner has dense columns only, and a quicker way for many rows.
  bool predicts_rows() const noexcept { return model_->predicts_rows(); }

  /// out[r] = the prediction of `columns` floats at rows + r * stride, for r in [0, n), with the bits of `predict`.
  /// @pre predicts_rows()
  void predict_rows(const float* rows, std::ptrdiff_t stride, std::size_t columns, std::size_t n, float* out) const noexcept {
    model_->predict_rows(rows, stride, columns, n, out);
  }

  /// Fetches what the learner will need of an example that comes soon; of learners to whom it makes no difference, does nothing.
  void prefetch(const Features& x) const noexcept { model_->prefetch(x); }

  /// What each dense column and each sparse feature of `x` adds to the margin, for linear learners: false for others.
  /// @pre dense.size() == x.dense.size(), sparse.size() == x.sparse.size()
  bool explain(const Features& x, std::span<float> dense, std::span<float> sparse, float& intercept) const noexcept {
    return model_->explain(x, dense, sparse, intercept);
  }

  std::uint64_t refused() const noexcept { return model_->refused(); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + (model_ ? model_->memory_bytes() : 0) + schema_.memory_bytes(); }

  /// The learner itself when it is a T, else nullptr.
  template <class T>
  const T* as() const noexcept {
    return model_ && model_->type() == &type_tag<T> ? &static_cast<const Model<T>&>(*model_).learner : nullptr;
  }

  /// Restores into a learner of the same type: build it as the saved one was, then load.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("AnyLearner", 1);
    bool present = static_cast<bool>(self);
    ar(present);
    ar.check(present == static_cast<bool>(self), "presence of a learner");
    if (!present) return;
    std::string name = self.name_;
    ar(name);
    ar.check(name == self.name_, "learner name (saved: another learner)");
    ar(self.schema_);
    self.model_->archive(ar);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual const char* type() const noexcept = 0;
    virtual Task task() const noexcept = 0;
    virtual std::size_t outputs() const noexcept = 0;
    virtual float threshold() const noexcept = 0;
    virtual void bind(const Schema&) = 0;
    virtual void predict(const Features&, std::span<float>, const Context&) const noexcept = 0;
    virtual void learn(const Features&, float, float, std::span<float>, const Context&) noexcept = 0;
    virtual bool predicts_rows() const noexcept = 0;
    virtual void predict_rows(const float*, std::ptrdiff_t, std::size_t, std::size_t, float*) const noexcept = 0;
    virtual void prefetch(const Features&) const noexcept = 0;
    virtual bool explain(const Features&, std::span<float>, std::span<float>, float&) const noexcept = 0;
    virtual std::uint64_t refused() const noexcept = 0;
    virtual std::size_t memory_bytes() const noexcept = 0;
    virtual void archive(Writer&) const = 0;
    virtual void archive(Reader&) = 0;
  };

  template <class T>
  static constexpr char type_tag = 0;  // its address is the type, without RTTI

  template <class T>
  static std::string default_name() {
    if constexpr (requires { std::string(T::name); }) {
      return std::string(T::name);
    } else {
      return "learner";
    }
  }

  template <class T>
  struct Model final : Base {
    explicit Model(T value) : learner(std::move(value)) {}

    std::unique_ptr<Base> clone() const override { return std::make_unique<Model>(learner); }
    const char* type() const noexcept override { return &type_tag<T>; }
    Task task() const noexcept override { return learner.task(); }
    std::size_t outputs() const noexcept override {
      if constexpr (ClassLearner<T>) {
        return static_cast<std::size_t>(learner.classes());
      } else {
        return 1;
      }
    }
    float threshold() const noexcept override {
      if constexpr (requires {
                      { learner.threshold() } -> std::convertible_to<float>;
                    }) {
        return learner.threshold();
      } else {
        return 0.5F;
      }
    }
    void bind(const Schema& schema) override { learner.bind(schema); }

    void predict(const Features& x, std::span<float> scores, [[maybe_unused]] const Context& context) const noexcept override {
      if constexpr (ClassLearner<T>) {
        if constexpr (requires { learner.predict_proba(x, scores, context); }) {
          learner.predict_proba(x, scores, context);
        } else {
          learner.predict_proba(x, scores);
        }
      } else if constexpr (requires { learner.predict(x, context); }) {
        scores[0] = learner.predict(x, context);
      } else {
        scores[0] = learner.predict(x);
      }
    }

    void learn(const Features& x, float y, float weight, std::span<float> before,
               [[maybe_unused]] const Context& context) noexcept override {
      if constexpr (ClassLearner<T>) {
        learner.predict_proba(x, before);
        // A label that is no class is refused by the learner: -1 is none, and the cast of a NaN would be undefined.
        const int label = is_finite(y) && y >= 0.0F && y < static_cast<float>(learner.classes()) ? static_cast<int>(y) : -1;
        learner.learn(x, static_cast<float>(label) == y ? label : -1, weight);
      } else if constexpr (requires { learner.learn(x, y, weight, context); }) {
        before[0] = learner.learn(x, y, weight, context);
      } else {
        before[0] = learner.learn(x, y, weight);
      }
    }

    bool predicts_rows() const noexcept override {
      if constexpr (requires { learner.predicts_rows(); }) {
        return learner.predicts_rows();
      } else {
        return false;
      }
    }
    void predict_rows([[maybe_unused]] const float* rows, [[maybe_unused]] std::ptrdiff_t stride, [[maybe_unused]] std::size_t columns,
                      [[maybe_unused]] std::size_t n, [[maybe_unused]] float* out) const noexcept override {
      if constexpr (requires { learner.predict_rows(rows, stride, columns, n, out); }) learner.predict_rows(rows, stride, columns, n, out);
    }

    void prefetch([[maybe_unused]] const Features& x) const noexcept override {
      if constexpr (requires { learner.prefetch(x); }) learner.prefetch(x);
    }

    bool explain([[maybe_unused]] const Features& x, [[maybe_unused]] std::span<float> dense, [[maybe_unused]] std::span<float> sparse,
                 [[maybe_unused]] float& intercept) const noexcept override {
      if constexpr (Explainable<T>) {
        intercept = learner.contributions(x, dense, sparse);
        return true;
      } else {
        return false;
      }
    }
    std::uint64_t refused() const noexcept override { return learner.refused(); }
    std::size_t memory_bytes() const noexcept override { return sizeof(Base) + learner.memory_bytes(); }
    void archive(Writer& writer) const override { writer(learner); }
    void archive(Reader& reader) override { reader(learner); }

    T learner;
  };

  std::unique_ptr<Base> model_;
  Schema schema_;
  std::string name_;
};

}  // namespace rtml
