#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/transform/detail/window_rules.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/fitted_tables.hpp"

namespace rtml::detail {

/// Where the features of a set write, one after the other, and what they read beside the event.
struct Cursor {
  float* dense;
  SparseFeature* sparse;
  float* fit_input;
  const float* mean;
  const float* scale;
  float* rank_input;
  const float* knots;
  float* table_input;
  const FittedTables* tables;
  std::size_t table;     // the next of them
  const float* windows;  // [columns of all windows]
  Time at;
};

/// A key of windows and the values that they are about, as the set reads them of an event.
template <class Event>
struct BoundKey {
  std::string identity;
  std::function<std::optional<std::uint64_t>(const Event&)> entity;  // nothing when the event belongs to none
  std::vector<std::string> value_identities;
  std::vector<std::function<std::uint64_t(const Event&)>> values;  // bits of a double, or a hash
  EntityWindows::Key shape;
};

/// Which columns of a table the fields of a set read; `all` where a lambda may read any.
struct ColumnsRead {
  std::vector<std::size_t> numbers;
  std::vector<std::size_t> texts;
  bool all = false;
};

/// What the features of a set need, collected as they are bound in their order.
template <class Event>
class Binding {
 public:
  Binding(bool has_time, std::string time_version, const EntityWindows::Options& options)
      : has_time_(has_time), time_version_(std::move(time_version)), window_rules_(detail::window_rules(options)) {}

  std::vector<Column> columns;
  std::vector<std::size_t> feature_ends;  // behind each feature's last column
  std::vector<std::uint64_t> fit_slots;
  std::vector<std::uint64_t> rank_slots;
  std::vector<FittedTables::Table> tables;
  std::size_t sparse_capacity = 0;
  std::vector<BoundKey<Event>> keys;
  ColumnsRead columns_read;

  /// To be called for each field of a feature as it is bound: what nobody reads, a table does not give.
  template <class A>
  void reads(const Field<A>& field) {
    const auto once = [](std::vector<std::size_t>& places, std::size_t place) {
      if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    };
    if constexpr (std::same_as<A, NumberColumn>) {
      once(columns_read.numbers, field.accessor().index);
    } else if constexpr (std::same_as<A, TextColumn>) {
      once(columns_read.texts, field.accessor().index);
    } else if constexpr (!std::is_member_pointer_v<A>) {
      columns_read.all = true;
    }
  }

  /// The place of the column in `columns`.
  std::size_t add(Column column) {
    require("FeatureSet", "column", column.name, !column.name.empty(), "not empty");
    columns.push_back(std::move(column));
    return columns.size() - 1;
  }

  void add_hashed(const std::string& name, std::string definition) {
    add({name, std::move(definition), Column::Kind::hashed});
    ++sparse_capacity;
  }

  /// What a definition that depends on the event's time adds: the time accessor is part of it.
  std::string time_suffix(const std::string& feature) const {
    require("FeatureSet", "feature", feature, has_time_, "in a set with a time accessor: it depends on the event's time");
    return time_version_.empty() ? "" : "@" + time_version_;
  }

  /// What the definition of a window adds: the options that decide what it holds are part of it.
  const std::string& window_rules() const noexcept { return window_rules_; }

  /// Of windows over events (hop 0) or tiles of that hop; `fading`: of sums that fade, which are kept beside either.
  template <class A>
  std::size_t key(const Field<A>& field, const std::string& label, Duration hop, bool fading) {
    reads(field);
    const std::string identity = field.identity();
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (keys[k].identity != identity) continue;
      const auto& windows = keys[k].shape.windows;
      const bool fades = std::all_of(windows.begin(), windows.end(), [](const WindowColumn& window) { return window.fading; });
      if (fades && !fading) keys[k].shape.hop = hop;
      if (fading || keys[k].shape.hop == hop) return k;
    }
    require("FeatureSet", "keys of windows", keys.size() + 1, keys.size() < EntityWindows::max_keys,
            "at most 16: fields, each counted for every hop");
    BoundKey<Event>& made = keys.emplace_back();
    made.identity = identity;
    made.entity = [accessor = field.accessor(), seed = EntityWindows::seed_of(keys.size() - 1)](const Event& event) noexcept {
      return entity_of(std::invoke(accessor, event), seed);
    };
    made.shape.id = hash_bytes(label);
    made.shape.hop = hop;
    return keys.size() - 1;
  }

  /// A number of the event, which a window adds up.
  template <class A>
  std::size_t number(std::size_t key, const Field<A>& field) {
    static_assert(Number<Read<A, Event>>, "a window's value is an arithmetic type, or std::optional of one");
    return value(key, field, "", [accessor = field.accessor()](const Event& event) noexcept {
      return std::bit_cast<std::uint64_t>(to_double(std::invoke(accessor, event)));
    });
  }

  /// Something of the event, which a window tells apart.
  template <class A>
  std::size_t identity_of(std::size_t key, const Field<A>& field) {
    using T = Read<A, Event>;
    static_assert(Integer<T> || Text<T>, "distinct(): the value is an integer, an enum or text");
    return value(key, field, "#", [accessor = field.accessor()](const Event& event) noexcept {
      const auto hash = entity_of(std::invoke(accessor, event), 0);
      return hash ? std::max<std::uint64_t>(*hash, 1) : 0;
    });
  }

  /// Returns the place of its first column.
  std::size_t window(std::size_t key, WindowColumn window) {
    window.place = window_columns;
    window_columns += window.columns;
    require("FeatureSet", "columns of windows", window_columns, window_columns <= EntityWindows::max_columns, "at most 8192");
    keys[key].shape.windows.push_back(window);
    return window.place;
  }

  std::size_t window_columns = 0;

 private:
  template <class A, class Reader>
  std::size_t value(std::size_t key, const Field<A>& field, const std::string& kind, Reader reader) {
    reads(field);
    BoundKey<Event>& owner = keys[key];
    const std::string identity = kind + field.identity();
    const auto found = std::find(owner.value_identities.begin(), owner.value_identities.end(), identity);
    if (found != owner.value_identities.end()) return static_cast<std::size_t>(found - owner.value_identities.begin());
    require("FeatureSet", "values of one key", owner.values.size() + 1, owner.values.size() < EntityWindows::max_values, "at most 256");
    owner.value_identities.push_back(identity);
    owner.values.push_back(std::move(reader));
    owner.shape.values.push_back(hash_bytes(kind + field.label()));
    return owner.values.size() - 1;
  }

  template <class T>
  static std::optional<std::uint64_t> entity_of(const T& key, std::uint64_t seed) noexcept {
    if constexpr (!Integer<T>) {
      if (to_text_view(key).empty()) return std::nullopt;
    }
    return hash_value(key, seed);
  }

  bool has_time_;
  std::string time_version_;
  std::string window_rules_;
};

}  // namespace rtml::detail

namespace rtml {

/// A feature's definition: knows its columns (`bind`) and computes them of any event that its fields can read.
template <class F, class Event>
concept FeatureOf = std::copy_constructible<F> &&
    requires(F& feature, const F& view, detail::Binding<Event>& binding, const Event& event, detail::Cursor& cursor) {
  { F::reads_time } -> std::convertible_to<bool>;
  feature.bind(binding);
  { view.compute(event, cursor) }
  noexcept;
};

}  // namespace rtml
