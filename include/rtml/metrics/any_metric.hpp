#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/export.hpp"

namespace rtml::metrics {

/// Any metric, its type erased: what reports, arms and triggers keep. A value: a copy is a copy of the count.
class AnyMetric {
 public:
  AnyMetric() = default;

  template <class T>
  requires(!std::same_as<T, AnyMetric> && Metric<T>) AnyMetric(T metric)  // NOLINT(google-explicit-constructor): a metric is one
      : model_(std::make_unique<Model<T>>(std::move(metric))) {}

  AnyMetric(const AnyMetric& other) : model_(other.model_ ? other.model_->clone() : nullptr) {}
  AnyMetric(AnyMetric&&) noexcept = default;
  AnyMetric& operator=(const AnyMetric& other) {
    if (this != &other) *this = AnyMetric(other);
    return *this;
  }
  AnyMetric& operator=(AnyMetric&&) noexcept = default;
  ~AnyMetric() = default;

  explicit operator bool() const noexcept { return model_ != nullptr; }

  std::string_view name() const noexcept { return model_->name(); }
  bool higher_is_better() const noexcept { return model_->higher_is_better(); }

  /// Counts one outcome; what is not finite or not of the metric's task is ignored and counted.
  void update(const Outcome& outcome) noexcept { model_->update(outcome); }

  /// NaN until it is defined. O(1) or as the metric says: a windowed RocAuc or AveragePrecision sorts its window.
  double value() const noexcept { return model_->value(); }

  /// Outcomes counted, and refused, since the start or reset().
  std::uint64_t count() const noexcept { return model_->count(); }
  std::uint64_t refused() const noexcept { return model_->refused(); }

  void reset() noexcept { model_->reset(); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + (model_ ? model_->memory_bytes() : 0); }

  /// Restores into a metric that was made as the saved one was.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("AnyMetric", 1);
    std::string name = self ? std::string(self.name()) : std::string();
    const std::string expected = name;
    ar(name);
    ar.check(name == expected, "metric name (saved: another metric)");
    if (self) self.model_->archive(ar);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual std::string_view name() const noexcept = 0;
    virtual bool higher_is_better() const noexcept = 0;
    virtual void update(const Outcome&) noexcept = 0;
    virtual double value() const noexcept = 0;
    virtual std::uint64_t count() const noexcept = 0;
    virtual std::uint64_t refused() const noexcept = 0;
    virtual void reset() noexcept = 0;
    virtual std::size_t memory_bytes() const noexcept = 0;
    virtual void archive(Writer&) const = 0;
    virtual void archive(Reader&) = 0;
  };

  template <class T>
  struct Model final : Base {
    explicit Model(T value) : metric(std::move(value)) {}

    std::unique_ptr<Base> clone() const override { return std::make_unique<Model>(metric); }
    std::string_view name() const noexcept override { return T::name; }
    bool higher_is_better() const noexcept override { return T::higher_is_better; }
    void update(const Outcome& outcome) noexcept override { metric.update(outcome); }
    double value() const noexcept override { return metric.value(); }
    std::uint64_t count() const noexcept override { return metric.count(); }
    std::uint64_t refused() const noexcept override { return metric.refused(); }
    void reset() noexcept override { metric.reset(); }
    std::size_t memory_bytes() const noexcept override { return sizeof(Base) + metric.memory_bytes(); }
    void archive(Writer& writer) const override { writer(metric); }
    void archive(Reader& reader) override { reader(metric); }

    T metric;
  };

  std::unique_ptr<Base> model_;
};

}  // namespace rtml::metrics
