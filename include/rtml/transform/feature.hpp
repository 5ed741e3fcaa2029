#pragma once

#include <memory>
#include <utility>

#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/tile.hpp"

namespace rtml {

/// Any feature over `Event`, its type erased: what a feature set that is put together at run time consists of. Cheap to copy.
template <class Event>
class AnyFeature {
 public:
  template <class F>
  requires(!std::same_as<F, AnyFeature> && FeatureOf<F, Event>)
      AnyFeature(F feature)  // NOLINT(google-explicit-constructor): a feature is one
      : feature_(std::make_shared<const Held<F>>(std::move(feature))) {}

  static constexpr bool reads_time = false;  // not known here: checked as it is bound

  void bind(detail::Binding<Event>& binding) { feature_ = feature_->bound(binding); }
  void compute(const Event& event, detail::Cursor& cursor) const noexcept { feature_->compute(event, cursor); }
  void compute(detail::Tile<Event>& tile) const noexcept { feature_->compute(tile); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::shared_ptr<const Base> bound(detail::Binding<Event>& binding) const = 0;
    virtual void compute(const Event& event, detail::Cursor& cursor) const noexcept = 0;
    virtual void compute(detail::Tile<Event>& tile) const noexcept = 0;
  };

  template <class F>
  struct Held final : Base {
    explicit Held(F value) : feature(std::move(value)) {}
    std::shared_ptr<const Base> bound(detail::Binding<Event>& binding) const override {
      auto copy = std::make_shared<Held>(feature);
      copy->feature.bind(binding);
      return copy;
    }
    void compute(const Event& event, detail::Cursor& cursor) const noexcept override { feature.compute(event, cursor); }
    void compute(detail::Tile<Event>& tile) const noexcept override { tile.compute(feature); }

    F feature;
  };

  std::shared_ptr<const Base> feature_;
};

}  // namespace rtml
