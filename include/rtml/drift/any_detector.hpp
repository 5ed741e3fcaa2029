#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "rtml/core/concepts.hpp"

namespace rtml::drift {

/// Any change detector, its type erased where names meet (retraining triggers, programs). A value: a copy is a copy of the detector.
/// One virtual call a value. Only an empty one may not be updated.
class AnyDetector {
 public:
  AnyDetector() = default;

  /// `name` is how reports and checkpoints call it.
  template <ChangeDetector T>
  requires(!std::same_as<T, AnyDetector>) AnyDetector(T detector, std::string name)
      : model_(std::make_unique<Model<T>>(std::move(detector))), name_(std::move(name)) {}

  AnyDetector(const AnyDetector& other) : model_(other.model_ ? other.model_->clone() : nullptr), name_(other.name_) {}
  AnyDetector(AnyDetector&&) noexcept = default;
  AnyDetector& operator=(const AnyDetector& other) {
    if (this != &other) *this = AnyDetector(other);
    return *this;
  }
  AnyDetector& operator=(AnyDetector&&) noexcept = default;
  ~AnyDetector() = default;

  explicit operator bool() const noexcept { return model_ != nullptr; }
  const std::string& name() const noexcept { return name_; }

  Change update(double value) noexcept { return model_->update(value); }

  void reset() noexcept {
    if (model_) model_->reset();
  }

  std::uint64_t refused() const noexcept { return model_ ? model_->refused() : 0; }
  std::uint64_t drift_age() const noexcept { return model_ ? model_->drift_age() : 0; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + name_.capacity() + (model_ ? model_->memory_bytes() : 0); }

  /// The detector itself when it is a T, else nullptr.
  template <class T>
  const T* as() const noexcept {
    return model_ && model_->type() == &type_tag<T> ? &static_cast<const Model<T>&>(*model_).detector : nullptr;
  }

  /// Restores into a detector of the same name: build it as the saved one was, then load.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("AnyDetector", 1);
    bool present = static_cast<bool>(self);
    ar(present);
    ar.check(present == static_cast<bool>(self), "presence of a detector");
    if (!present) return;
    std::string name = self.name_;
    ar(name);
    ar.check(name == self.name_, "detector name (saved: another detector)");
    self.model_->archive(ar);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual const char* type() const noexcept = 0;
    virtual Change update(double value) noexcept = 0;
    virtual void reset() noexcept = 0;
    virtual std::uint64_t refused() const noexcept = 0;
    virtual std::uint64_t drift_age() const noexcept = 0;
    virtual std::size_t memory_bytes() const noexcept = 0;
    virtual void archive(Writer&) const = 0;
    virtual void archive(Reader&) = 0;
  };

  template <class T>
  static constexpr char type_tag = 0;  // its address is the type, without RTTI

  template <class T>
  struct Model final : Base {
    explicit Model(T value) : detector(std::move(value)) {}

    std::unique_ptr<Base> clone() const override { return std::make_unique<Model>(detector); }
    const char* type() const noexcept override { return &type_tag<T>; }
    Change update(double value) noexcept override { return detector.update(value); }
    void reset() noexcept override { detector.reset(); }
    std::uint64_t refused() const noexcept override { return detector.refused(); }
    std::uint64_t drift_age() const noexcept override { return detector.drift_age(); }
    std::size_t memory_bytes() const noexcept override { return sizeof(Base) + detector.memory_bytes(); }
    void archive(Writer& writer) const override { writer(detector); }
    void archive(Reader& reader) override { reader(detector); }

    T detector;
  };

  std::unique_ptr<Base> model_;
  std::string name_;
};

}  // namespace rtml::drift
