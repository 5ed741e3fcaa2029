#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/operations.hpp"

namespace rtml {
namespace detail {

template <class A>
class NumericInput {
 public:
  static constexpr bool reads_time = false;

  explicit NumericInput(Field<A> field) : field_(std::move(field)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& /*name*/) const {
    static_assert(Number<Read<A, Event>>, "numeric(): the accessor gives an arithmetic type, or std::optional of one");
    binding.reads(field_);
    return "numeric" + field_.version_suffix();
  }

  template <class Event>
  float read(const Event& event, const Cursor& /*cursor*/) const noexcept {
    return kernels::element::canonical(to_double(field_.read(event)));
  }
  template <class Event>
  void read(Tile<Event>& tile, float* column) const noexcept {
    tile.read(field_, column);
  }

 private:
  Field<A> field_;
};

}  // namespace detail

/// One number of the event as a dense column: `numeric("amount", &Payment::amount) | log1p() | standardize()`. Any arithmetic type, or
/// std::optional of one (empty is missing); kept as float, -0.0 as 0.
template <detail::Source S>
auto numeric(std::string name, S source) {
  auto field = detail::to_field(std::move(source));
  using Input = detail::NumericInput<std::remove_cvref_t<decltype(field.accessor())>>;
  return detail::Scalar<Input>(std::move(name), Input(std::move(field)), std::tuple<>{});
}

/// Of a lambda over the event, with the version of its body: `numeric("net", "v1", [](const Payment& p) { return p.amount - p.fee; })`.
template <class F>
requires(!detail::Source<F>) auto numeric(std::string name, std::string version, F function) {
  auto made = field(name, std::move(version), std::move(function));
  return numeric(std::move(name), std::move(made));
}

}  // namespace rtml
