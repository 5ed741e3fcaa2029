#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/window_rules.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/window_kind.hpp"

namespace rtml::detail {

// What the factories of window.hpp are made of.

inline std::string in_brackets(const std::string& label) { return label.empty() ? "" : "(" + label + ")"; }

/// A function of the events alone.
template <WindowFunction Function>
struct OfEvents {
  static constexpr WindowFunction function = Function;
  static constexpr std::size_t columns = 1;
  const char* name;

  template <class Event>
  std::string bind(Binding<Event>& /*binding*/, std::size_t /*key*/, WindowColumn& /*column*/) const {
    return name;
  }
};

/// A function of a number of the events, or of what identifies something in them.
template <WindowFunction Function, class A>
struct OfValue {
  static constexpr WindowFunction function = Function;
  const char* name;
  Field<A> field;
  std::size_t columns = 1;

  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key, WindowColumn& column) const {
    column.columns = columns;
    if constexpr (Function == WindowFunction::distinct) {
      column.value = binding.identity_of(key, field);
    } else {
      column.value = binding.number(key, field);
    }
    return name + in_brackets(field.label());
  }
};

template <WindowFunction Function, Source S>
auto of_value(const char* name, S source) {
  auto field = to_field(std::move(source));
  return OfValue<Function, std::remove_cvref_t<decltype(field.accessor())>>{name, std::move(field)};
}

/// A quantile of a number of the events.
template <class A>
struct OfQuantile {
  static constexpr WindowFunction function = WindowFunction::quantile;
  static constexpr std::size_t columns = 1;
  double q;
  Field<A> field;

  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key, WindowColumn& column) const {
    column.value = binding.number(key, field);
    column.q = q;
    return "quantile[" + to_text(q) + "]" + in_brackets(field.label());
  }
};

/// The k most frequent of what identifies something in the events, or their share.
template <WindowFunction Function, class A>
struct OfTop {
  static constexpr WindowFunction function = Function;
  std::size_t k;
  Field<A> field;
  std::size_t columns = Function == WindowFunction::top_k ? 2 * k : 1;

  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key, WindowColumn& column) const {
    column.columns = columns;
    column.k = k;
    column.value = binding.identity_of(key, field);
    return (Function == WindowFunction::top_k ? "top_k[" : "top_share[") + to_text(k) + "]" + in_brackets(field.label());
  }
};

template <WindowFunction Function, Source S>
auto of_top(const char* name, std::size_t k, S source) {
  require(name, "k", k, k >= 1 && k <= most_top_values, "in [1, 64]");
  auto field = to_field(std::move(source));
  return OfTop<Function, std::remove_cvref_t<decltype(field.accessor())>>{k, std::move(field)};
}

/// What a window is, and where its numbers are.
template <class A, class Aggregate>
class WindowSource {
 public:
  WindowSource(Field<A> key, Duration span, Aggregate aggregate, WindowKind kind, bool fading)
      : key_(std::move(key)), span_(span), aggregate_(std::move(aggregate)), kind_(kind), fading_(fading) {}

  std::size_t columns() const noexcept { return aggregate_.columns; }

  /// Returns its definition.
  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) {
    using T = Read<A, Event>;
    static_assert(Integer<T> || Text<T>, "window(): the key is an integer, an enum or text");
    const std::string label = key_.label();
    const std::string key_text = label.empty() ? std::string(kind_of<T>()) : label + ":" + std::string(kind_of<T>());
    const Duration hop = kind_.hop(span_);
    const std::size_t key = binding.key(key_, key_text, hop, fading_);
    WindowColumn column{
        .function = Aggregate::function, .span = span_, .fading = fading_, .hopping = kind_.tail() == WindowKind::Tail::hopping};
    const std::string function = aggregate_.bind(binding, key, column);
    place_ = binding.window(key, column);
    const char* const tail = kind_.tail() == WindowKind::Tail::hopping ? ",hopping" : ",sawtooth";
    return (fading_ ? "fading(" : "window(") + key_text + "," + duration_text(span_) + "," + function +
           (hop > Duration(0) ? tail + ("(" + duration_text(hop) + ")") : "") + ")" + binding.window_rules() + binding.time_suffix(name);
  }

  const float* read(const Cursor& cursor) const noexcept { return cursor.windows + place_; }

 private:
  Field<A> key_;
  Duration span_;
  Aggregate aggregate_;
  WindowKind kind_;
  bool fading_;
  std::size_t place_ = 0;
};

template <class Window>
class WindowInput {
 public:
  static constexpr bool reads_time = true;

  explicit WindowInput(Window window) : window_(std::move(window)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) {
    return window_.bind(binding, name);
  }
  template <class Event>
  float read(const Event& /*event*/, const Cursor& cursor) const noexcept {
    return *window_.read(cursor);
  }

 private:
  Window window_;
};

/// A window of several numbers: columns NAME.1, NAME.2, ...
template <class Window>
class WindowColumns {
 public:
  static constexpr bool reads_time = true;

  WindowColumns(std::string name, Window window) : name_(std::move(name)), window_(std::move(window)) {}

  template <class Event>
  void bind(Binding<Event>& binding) {
    const std::string definition = window_.bind(binding, name_);
    for (std::size_t i = 1; i <= window_.columns(); ++i) binding.add({name_ + "." + to_text(i), definition});
  }
  template <class Event>
  void compute(const Event& /*event*/, Cursor& cursor) const noexcept {
    const float* const values = window_.read(cursor);
    for (std::size_t i = 0; i < window_.columns(); ++i) *cursor.dense++ = values[i];
  }

 private:
  std::string name_;
  Window window_;
};

/// A window of several values as hashed features, {key, value} each; no feature where the value is 0.
template <class Window>
class WindowHashes {
 public:
  static constexpr bool reads_time = true;

  WindowHashes(std::string name, Window window) : name_(std::move(name)), seed_(hash_bytes(name_)), window_(std::move(window)) {}

  template <class Event>
  void bind(Binding<Event>& binding) {
    binding.add_hashed(name_, window_.bind(binding, name_));
    binding.sparse_capacity += window_.columns() / 2 - 1;
  }
  template <class Event>
  void compute(const Event& /*event*/, Cursor& cursor) const noexcept {
    const float* const pairs = window_.read(cursor);
    for (std::size_t i = 0; i < window_.columns(); i += 2) {
      std::uint32_t key = 0;
      std::memcpy(&key, pairs + i, sizeof(key));
      if (pairs[i + 1] > 0.0F) *cursor.sparse++ = {sparse_index(hash_combine(seed_, key)), pairs[i + 1]};
    }
  }

 private:
  std::string name_;
  std::uint64_t seed_;
  Window window_;
};

}  // namespace rtml::detail
