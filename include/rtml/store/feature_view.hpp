#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/detail/row_layout.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/value.hpp"

namespace rtml {

/// What an entity key is made of.
template <class T>
concept KeyPart = (std::integral<T> && !std::same_as<T, bool>) || std::convertible_to<const T&, std::string_view>;

/// A column of an entity key.
struct KeyColumn {
  std::string name;
  std::size_t max_bytes = 0;  ///< of a text; 0 = an integer of 64 bits

  static KeyColumn integer(std::string name) { return {std::move(name), 0}; }
  static KeyColumn text(std::string name, std::size_t max_bytes) { return {std::move(name), max_bytes}; }

  bool is_text() const noexcept { return max_bytes != 0; }

  friend bool operator==(const KeyColumn&, const KeyColumn&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.max_bytes);
  }
};

/// A column of values.
struct ValueColumn {
  std::string name;
  ValueType type = ValueType::float32;

  template <StoredValue T>
  static ValueColumn of(std::string name) {
    return {std::move(name), value_type_of<T>};
  }

  friend bool operator==(const ValueColumn&, const ValueColumn&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.type);
    ar.check(self.type <= ValueType::boolean, "type of a column");
  }
};

/// A column of one view, found by name once, whose type the compiler knows from then on.
template <StoredValue T>
struct TypedColumn {
  std::uint64_t view = 0;  ///< fingerprint
  std::uint32_t column = 0;
  detail::RowLayout::Cell cell;
};

/// A table of features by entity: its keys, its typed columns, and how long a row is good for. A value; does not change once made.
///
///     const FeatureView card("card", {KeyColumn::integer("card")},
///                            {ValueColumn::of<float>("spend_7d"), ValueColumn::of<std::int64_t>("count_7d")}, {.ttl = days(7)});
class FeatureView {
 public:
  static constexpr Duration forever = Duration::max();
  static constexpr Duration longest = days(36500);
  static constexpr std::size_t max_columns = 4096;
  static constexpr std::size_t max_history = 1024;

  struct Options {
    Duration ttl = forever;   ///< a row of age ttl is present, an older one stale; in (0, 36500 days] or forever
    std::size_t history = 1;  ///< rows kept online for each entity, of different event times; in [1, 1024]
  };

  /// @throws ConfigError for an empty or repeated name, no key, no column, a key that may take more than 128 bytes, or options out of range.
  FeatureView(std::string name, std::vector<KeyColumn> keys, std::vector<ValueColumn> columns, const Options& options)
      : name_(std::move(name)), keys_(std::move(keys)), columns_(std::move(columns)), options_(options) {
    check();
    index();
  }
  FeatureView(std::string name, std::vector<KeyColumn> keys, std::vector<ValueColumn> columns)
      : FeatureView(std::move(name), std::move(keys), std::move(columns), Options()) {}

  const std::string& name() const noexcept { return name_; }
  std::span<const KeyColumn> keys() const noexcept { return keys_; }
  std::span<const ValueColumn> columns() const noexcept { return columns_; }
  Duration ttl() const noexcept { return options_.ttl; }
  std::size_t history() const noexcept { return options_.history; }
  const detail::RowLayout& layout() const noexcept { return layout_; }

  /// Over everything, ttl and history too: another time to live gives other training rows.
  std::uint64_t fingerprint() const noexcept { return fingerprint_; }

  /// True when a row of this event time is too old at `at`.
  bool is_stale(Time event_time, Time at) const noexcept { return options_.ttl != forever && at - event_time > options_.ttl; }

  /// Times that rows may have: from 1970 on for 36500 days, so that differences never overflow.
  static constexpr bool is_time(Time at) noexcept { return at.time_since_epoch() >= Duration(0) && at.time_since_epoch() <= longest; }

  /// The entity of these key columns, in order: integers of any width (an unsigned one by its bits), and texts. A text that is empty or too
  /// long gives a key that is not valid. Does not allocate.
  /// @throws SchemaError that names the column whose type is another, or how many there are.
  template <KeyPart... Parts>
  EntityKey key(const Parts&... parts) const {
    constexpr std::array<bool, sizeof...(Parts)> texts = {!std::integral<Parts>...};
    check_key(texts);
    EntityKey key;
    std::size_t column = 0;
    (add_part(key, parts, keys_[column++]), ...);
    key.seal();
    return key;
  }

  /// False for bytes that are not the encoding of a key of this view.
  bool is_key(std::string_view bytes) const noexcept {
    for (const KeyColumn& column : keys_) {
      if (bytes.empty()) return false;
      const std::size_t length = column.is_text() ? static_cast<unsigned char>(bytes[0]) : sizeof(std::int64_t);
      if (column.is_text()) {
        bytes.remove_prefix(1);
        if (length == 0 || length > column.max_bytes) return false;
      }
      if (bytes.size() < length) return false;
      bytes.remove_prefix(length);
    }
    return bytes.empty();
  }

  /// Most bytes that a key may take.
  std::size_t key_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const KeyColumn& column : keys_) bytes += column.is_text() ? 1 + column.max_bytes : sizeof(std::int64_t);
    return bytes;
  }

  /// @throws SchemaError when there is none of the name, or its type is another.
  template <StoredValue T>
  TypedColumn<T> column(std::string_view name) const {
    const std::size_t found = find(name);
    if (columns_[found].type != value_type_of<T>) refuse_type(found, name_of(value_type_of<T>));
    return {fingerprint_, static_cast<std::uint32_t>(found), layout_.cells()[found]};
  }

  /// Any other type is an error that names the column: an integer is of 64 bits everywhere.
  template <std::integral T>
  requires(!StoredValue<T>) [[noreturn]] TypedColumn<std::int64_t> column(std::string_view name) const {
    refuse_type(find(name), (std::is_signed_v<T> ? "int" : "uint") + to_text(8 * sizeof(T)));
  }

  /// Index of a column. @throws SchemaError when there is none of the name.
  std::size_t find(std::string_view name) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (columns_[i].name == name) return i;
    raise(SchemaError("view \"" + name_ + "\" has no column \"" + std::string(name) + "\""));
  }

  /// Indices of columns, each of which can be read as `type` without loss.
  /// @throws SchemaError that names the first that is not there or cannot. @throws ConfigError for none, or one named twice.
  std::vector<std::size_t> find_readable(std::span<const std::string> names, ValueType type) const {
    require("view \"" + name_ + "\"", "columns", names.size(), !names.empty(), "at least one");
    std::vector<std::size_t> found;
    for (const std::string& name : names) {
      const std::size_t column = find(name);
      if (!is_lossless(columns_[column].type, type)) refuse_type(column, name_of(type));
      require("view \"" + name_ + "\"", "column", name, std::find(found.begin(), found.end(), column) == found.end(), "asked for once");
      found.push_back(column);
    }
    return found;
  }

  /// What `expected` has otherwise; nothing when both are the same view.
  std::optional<std::string> difference(const FeatureView& expected) const {
    if (fingerprint_ == expected.fingerprint_) return std::nullopt;
    if (name_ != expected.name_) return "view \"" + name_ + "\" is not \"" + expected.name_ + "\"";
    const std::string here = "view \"" + name_ + "\": ";
    if (keys_ != expected.keys_) return here + "its keys differ";
    for (std::size_t i = 0; i < columns_.size() && i < expected.columns_.size(); ++i)
      if (columns_[i] != expected.columns_[i])
        return here + describe(columns_[i]) + " where " + describe(expected.columns_[i]) + " was expected";
    if (columns_.size() != expected.columns_.size())
      return here + to_text(columns_.size()) + " columns where " + to_text(expected.columns_.size()) + " were expected";
    if (options_.ttl != expected.options_.ttl) return here + "its time to live differs";
    return here + "the length of its history differs";
  }

  friend bool operator==(const FeatureView& a, const FeatureView& b) noexcept { return a.fingerprint_ == b.fingerprint_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + name_.capacity() + keys_.capacity() * sizeof(KeyColumn) +
                        columns_.capacity() * sizeof(ValueColumn) + layout_.cells().size() * sizeof(detail::RowLayout::Cell);
    for (const KeyColumn& column : keys_) bytes += column.name.capacity();
    for (const ValueColumn& column : columns_) bytes += column.name.capacity();
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FeatureView", 1);
    ar(self.name_, self.keys_, self.columns_, self.options_.ttl, self.options_.history);
    if constexpr (Ar::reading) {
      ar.check(!self.broken_rule().has_value(), "definition of the view");
      self.index();
    }
  }

 private:
  struct BrokenRule {
    std::string option;
    std::string value;
    std::string rule;
  };

  static std::string describe(const ValueColumn& column) {
    return "column \"" + column.name + "\" (" + std::string(name_of(column.type)) + ")";
  }

  static void add_part(EntityKey& key, std::integral auto value, const KeyColumn& /*column*/) noexcept {
    key.add(static_cast<std::int64_t>(value));
  }
  static void add_part(EntityKey& key, std::string_view text, const KeyColumn& column) noexcept { key.add(text, column.max_bytes); }

  void check_key(std::span<const bool> texts) const {
    if (texts.size() != keys_.size())
      raise(SchemaError("view \"" + name_ + "\" has a key of " + to_text(keys_.size()) + " columns, not " + to_text(texts.size())));
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (texts[i] == keys_[i].is_text()) continue;
      raise(SchemaError("view \"" + name_ + "\": key column \"" + keys_[i].name + "\" is " + (keys_[i].is_text() ? "text" : "int64") +
                        ", not " + (texts[i] ? "text" : "an integer")));
    }
  }

  [[noreturn]] void refuse_type(std::size_t column, std::string_view asked) const {
    raise(SchemaError("view \"" + name_ + "\": column \"" + columns_[column].name + "\" is " + std::string(name_of(columns_[column].type)) +
                      ", not " + std::string(asked)));
  }

  /// The first thing that is wrong with the definition.
  std::optional<BrokenRule> broken_rule() const {
    if (name_.empty()) return BrokenRule{"name", name_, "not empty"};
    if (keys_.empty()) return BrokenRule{"keys", "", "at least one"};
    if (columns_.empty() || columns_.size() > max_columns) return BrokenRule{"columns", to_text(columns_.size()), "in [1, 4096]"};
    std::vector<std::string_view> names;
    for (const KeyColumn& column : keys_) names.push_back(column.name);
    for (const ValueColumn& column : columns_) names.push_back(column.name);
    for (const std::string_view name : names)
      if (name.empty()) return BrokenRule{"column", "", "named"};
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) return BrokenRule{"column", std::string(*twice), "named once"};
    for (const KeyColumn& column : keys_)
      if (column.max_bytes > EntityKey::max_bytes) return BrokenRule{"max_bytes", to_text(column.max_bytes), "in [1, 127]"};
    if (key_bytes() > EntityKey::max_bytes) return BrokenRule{"bytes of a key", to_text(key_bytes()), "at most 128"};
    if (options_.ttl != forever && (options_.ttl <= Duration(0) || options_.ttl > longest))
      return BrokenRule{"ttl (us)", to_text(options_.ttl.count()), "in (0, 36500 days] or forever"};
    if (options_.history < 1 || options_.history > max_history) return BrokenRule{"history", to_text(options_.history), "in [1, 1024]"};
    return std::nullopt;
  }

  void check() const {
    const std::optional<BrokenRule> broken = broken_rule();
    if (broken) require("FeatureView \"" + name_ + "\"", broken->option, broken->value, false, broken->rule);
  }

  void index() {
    std::vector<ValueType> types;
    for (const ValueColumn& column : columns_) types.push_back(column.type);
    layout_ = detail::RowLayout(types);
    fingerprint_ = hash_bytes(name_);
    const auto add = [this](std::uint64_t part) { fingerprint_ = hash_combine(fingerprint_, part); };
    add(keys_.size());
    for (const KeyColumn& column : keys_) add(hash_bytes(column.name)), add(column.max_bytes);
    add(columns_.size());
    for (const ValueColumn& column : columns_) add(hash_bytes(column.name)), add(static_cast<std::uint64_t>(column.type));
    add(static_cast<std::uint64_t>(options_.ttl.count()));
    add(options_.history);
  }

  std::string name_;
  std::vector<KeyColumn> keys_;
  std::vector<ValueColumn> columns_;
  Options options_;
  detail::RowLayout layout_;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace rtml
