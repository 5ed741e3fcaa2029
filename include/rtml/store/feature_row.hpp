#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/feature_view.hpp"

namespace rtml {

namespace detail {

/// A value that every T of the column can take: braces refuse what would lose digits.
template <class V, class T>
concept FitsInto = requires(V value) {
  T{value};
};

}  // namespace detail

/// One row on its way into a store or a history. Made once for a view and used again: filling it does not allocate.
///
///     row.begin(card.key(id), at);
///     row.set(spend, 12.5F);        // what is not set is null
///     store.put(row);
class FeatureRow {
 public:
  explicit FeatureRow(const FeatureView& view) : view_(view.fingerprint()), layout_(view.layout()), cells_(layout_.words()) {
    layout_.set_all_null(cells_.data());
  }

  /// A new row of `key`, all null, about what was true at `event_time`.
  void begin(const EntityKey& key, Time event_time) noexcept {
    key_ = key;
    event_time_ = event_time;
    available_at_.reset();
    refused_ = 0;
    layout_.set_all_null(cells_.data());
  }

  /// When it could first be served. A store fills in its own time where this is not said; a history, the event time.
  void set_available_at(Time at) noexcept { available_at_ = at; }

  /// NaN makes it null; so does infinity, which is counted.
  /// @throws SchemaError for a column of another view.
  template <StoredValue T, class V>
  requires detail::FitsInto<V, T>
  void set(const TypedColumn<T>& column, V value) {
    if (column.view != view_) raise(SchemaError("FeatureRow: column " + to_text(column.column) + " belongs to another view"));
    const auto stored = static_cast<T>(value);
    if constexpr (std::floating_point<T>) {
      if (!is_finite(stored)) {
        if (!is_nan(stored)) ++refused_;
        layout_.set_null(cells_.data(), column.column);
        return;
      }
    }
    detail::RowLayout::write(cells_.data(), column.column, column.cell, stored);
  }

  std::uint64_t view() const noexcept { return view_; }  ///< fingerprint
  const EntityKey& key() const noexcept { return key_; }
  Time event_time() const noexcept { return event_time_; }
  std::optional<Time> available_at() const noexcept { return available_at_; }
  std::span<const std::uint64_t> cells() const noexcept { return cells_; }  ///< as detail::RowLayout says
  std::uint32_t refused() const noexcept { return refused_; }               ///< infinite values

 private:
  std::uint64_t view_;
  detail::RowLayout layout_;
  EntityKey key_;
  Time event_time_{};
  std::optional<Time> available_at_;
  std::vector<std::uint64_t> cells_;
  std::uint32_t refused_ = 0;
};

}  // namespace rtml
