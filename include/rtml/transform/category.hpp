#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/field.hpp"

namespace rtml {
namespace detail {

inline std::string quoted(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') shown += '\\';
    shown += c;
  }
  return shown + "\"";
}

/// The 32 bits that a value of a hashed column is known by.
constexpr std::uint32_t sparse_index(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32U); }

/// A feature of one hashed value, which may be crossed with others. `Self` has definition(binding), and hash(event, cursor, seed) of its value.
template <class Self>
class OneHashed {
 public:
  const std::string& name() const noexcept { return name_; }

  template <class Event>
  void bind(Binding<Event>& binding) {
    binding.add_hashed(name_, self().definition(binding));
  }

  template <class Event>
  void compute(const Event& event, Cursor& cursor) const noexcept {
    *cursor.sparse++ = {sparse_index(self().hash(event, cursor, seed_)), 1.0F};
  }

 private:
  friend Self;
  explicit OneHashed(std::string name) : name_(std::move(name)), seed_(hash_bytes(name_)) {}

  const Self& self() const noexcept { return static_cast<const Self&>(*this); }

  std::string name_;
  std::uint64_t seed_;
};

template <class Level>
struct OneHotLevels {
  std::vector<Level> levels;  // std::int64_t or std::string
};

}  // namespace detail

template <class A>
class Category;

/// A category with known values as dense columns NAME=VALUE, 1 where it has that value, and NAME=other for all else. Made by
/// `category(...) | one_hot({...})`.
template <class A, class Level>
class OneHot {
 public:
  static constexpr bool reads_time = false;

  OneHot(Category<A> category, std::vector<Level> levels) : category_(std::move(category)), levels_(std::move(levels)) {}

  template <class Event>
  void bind(detail::Binding<Event>& binding) {
    static_assert(detail::Integer<detail::Read<A, Event>> == std::same_as<Level, std::int64_t>,
                  "one_hot(): text levels for text, integer or enum levels for integers and enums");
    std::string definition = category_.definition(binding) + "|one_hot(";
    for (std::size_t i = 0; i < levels_.size(); ++i) definition += (i == 0 ? "" : ",") + shown(levels_[i], true);
    definition += ")";
    for (const Level& level : levels_) binding.add({category_.name() + "=" + shown(level, false), definition});
    binding.add({category_.name() + "=other", definition});
  }

  template <class Event>
  void compute(const Event& event, detail::Cursor& cursor) const noexcept {
    const auto& value = category_.field().read(event);
    bool known = false;
    for (const Level& level : levels_) {
      const bool equal = is(value, level);
      known = known || equal;
      *cursor.dense++ = equal ? 1.0F : 0.0F;
    }
    *cursor.dense++ = known ? 0.0F : 1.0F;
  }

 private:
  static std::string shown(const Level& level, bool quote) {
    if constexpr (std::same_as<Level, std::string>) {
      return quote ? detail::quoted(level) : level;
    } else {
      return to_text(level);
    }
  }
  template <class T>
  static bool is(const T& value, const Level& level) noexcept {
    if constexpr (detail::Integer<T>) {
      return detail::to_integer(value) == level;
    } else {
      return detail::to_text_view(value) == level;
    }
  }

  Category<A> category_;
  std::vector<Level> levels_;
};

/// A value out of many (an integer, an enum, text) as one sparse feature of value 1, its index a 32-bit hash of the column's name and the
/// value. Integers are hashed as such, text by its bytes, empty text like any other. `| one_hot({...})` for a few known values.
template <class A>
class Category : public detail::OneHashed<Category<A>> {
 public:
  static constexpr bool reads_time = false;

  Category(std::string name, Field<A> field) : detail::OneHashed<Category>(std::move(name)), field_(std::move(field)) {}

  const Field<A>& field() const noexcept { return field_; }

  template <class Event>
  std::string definition(detail::Binding<Event>& binding) const {
    binding.reads(field_);
    using T = detail::Read<A, Event>;
    static_assert(detail::Integer<T> || detail::Text<T>, "category(): the accessor gives an integer, an enum or text");
    return "category(" + std::string(detail::kind_of<T>()) + ")" + field_.version_suffix();
  }

  template <class Event>
  std::uint64_t hash(const Event& event, const detail::Cursor& /*cursor*/, std::uint64_t seed) const noexcept {
    return detail::hash_value(field_.read(event), seed);
  }

  template <class Level>
  friend auto operator|(Category category, detail::OneHotLevels<Level> known) {
    return OneHot<A, Level>(std::move(category), std::move(known.levels));
  }

 private:
  Field<A> field_;
};

/// Several categories as one: a sparse feature for each combination of values, so that a linear model learns what holds for it only. Made by
/// cross().
template <class... Parts>
class Cross : public detail::OneHashed<Cross<Parts...>> {
 public:
  static constexpr bool reads_time = (Parts::reads_time || ...);

  Cross(std::string name, Parts... parts) : detail::OneHashed<Cross>(std::move(name)), parts_(std::move(parts)...) {}

  template <class Event>
  std::string definition(detail::Binding<Event>& binding) const {
    std::string all;
    const auto add = [&](const auto& part) { all += (all.empty() ? "" : ",") + part.name() + ":" + part.definition(binding); };
    std::apply([&](const Parts&... part) { (add(part), ...); }, parts_);
    return "cross(" + all + ")";
  }

  template <class Event>
  std::uint64_t hash(const Event& event, const detail::Cursor& cursor, std::uint64_t seed) const noexcept {
    std::apply([&](const Parts&... part) { ((seed = part.hash(event, cursor, seed)), ...); }, parts_);
    return seed;
  }

 private:
  std::tuple<Parts...> parts_;
};

template <detail::Source S>
auto category(std::string name, S source) {
  return Category(std::move(name), detail::to_field(std::move(source)));
}

/// Of a lambda over the event, with the version of its body.
template <class F>
requires(!detail::Source<F>) auto category(std::string name, std::string version, F function) {
  auto made = field(name, std::move(version), std::move(function));
  return category(std::move(name), std::move(made));
}

/// Two or more of what has one hashed value: categories, grid cells, parts of the date: `cross("rush", grid_cell(...), hour_of_week(...))`.
template <class... Parts>
requires(sizeof...(Parts) >= 2) Cross<Parts...> cross(std::string name, Parts... parts) { return {std::move(name), std::move(parts)...}; }

inline detail::OneHotLevels<std::string> one_hot(std::vector<std::string> levels) {
  require("one_hot", "levels", levels.size(), !levels.empty(), "at least one");
  return {std::move(levels)};
}
inline detail::OneHotLevels<std::string> one_hot(std::initializer_list<std::string_view> levels) {
  return one_hot(std::vector<std::string>(levels.begin(), levels.end()));
}
template <class T>
requires detail::Integer<T> detail::OneHotLevels<std::int64_t> one_hot(std::initializer_list<T> levels) {
  require("one_hot", "levels", levels.size(), levels.size() != 0, "at least one");
  detail::OneHotLevels<std::int64_t> known;
  for (const T level : levels) known.levels.push_back(detail::to_integer(level));
  return known;
}

}  // namespace rtml
