#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"

namespace rtml {

/// One column of features, and how it came to be.
struct Column {
  enum class Kind : std::uint8_t {
    numeric,  ///< one dense value
    nominal,  ///< one dense value that is a category code in [0, categories)
    hashed,   ///< sparse features; takes no dense place
  };

  std::string name;
  std::string definition = {};  ///< canonical: source, operations and constants, e.g. "numeric(amount)|log1p"; empty for raw input
  Kind kind = Kind::numeric;
  std::uint32_t categories = 0;  ///< of a nominal column; 0 = not known beforehand
  /// What it gave for each event that the host pinned the features by, as text. Shows that a body that no definition sees is what it was, and
  /// is no part of the definition: pinning more events makes no other column.
  std::vector<std::string> golden = {};

  friend bool operator==(const Column& a, const Column& b) {
    return a.name == b.name && a.definition == b.definition && a.kind == b.kind && a.categories == b.categories;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("Column", 2);
    ar(self.name, self.definition, self.kind, self.categories);
    ar.check(self.kind <= Kind::hashed, "kind");
    if (version >= 2) ar(self.golden);
  }
};

/// Names the columns of `Features`: the dense ones in order of their place, the hashed ones beside them. A value type.
class Schema {
 public:
  Schema() = default;

  /// @throws ConfigError when two columns have one name.
  explicit Schema(std::vector<Column> columns) : columns_(std::move(columns)) { index(); }

  /// `count` numeric columns named x0, x1, ...
  static Schema numeric(std::size_t count, std::string_view prefix = "x") {
    std::vector<Column> columns(count);
    for (std::size_t i = 0; i < count; ++i) columns[i].name = std::string(prefix).append(to_text(i));
    return Schema(std::move(columns));
  }

  std::span<const Column> columns() const noexcept { return columns_; }
  std::size_t dense_size() const noexcept { return dense_.size(); }
  bool has_hashed() const noexcept { return dense_.size() < columns_.size(); }

  /// The column at a dense place, `place` < dense_size().
  const Column& dense(std::size_t place) const noexcept { return columns_[dense_[place]]; }

  std::optional<std::size_t> dense_place(std::string_view name) const noexcept {
    for (std::size_t place = 0; place < dense_.size(); ++place)
      if (dense(place).name == name) return place;
    return std::nullopt;
  }

  const Column* find(std::string_view name) const noexcept {
    for (const Column& column : columns_)
      if (column.name == name) return &column;
    return nullptr;
  }

  /// Equal for equal columns in equal order, whatever the process or machine.
  std::uint64_t fingerprint() const noexcept { return fingerprint_; }

  /// What of `expected` this schema has not, naming the first column that differs in definition, or in what it gives for a golden event that
  /// both have; nullopt when it has all of it, in the same order and perhaps more (`extends`), or when they are equal.
  std::optional<std::string> missing_from(const Schema& expected) const {
    const Column* before = nullptr;
    for (const Column& column : expected.columns_) {
      const Column* mine = find(column.name);
      if (mine == nullptr) return "column \"" + column.name + "\" is missing";
      if (*mine != column) return "column \"" + column.name + "\" is " + describe(*mine) + ", was " + describe(column);
      if (before != nullptr && mine < before) return "column \"" + column.name + "\" is before \"" + before->name + "\", was behind it";
      for (std::size_t i = 0; i < std::min(mine->golden.size(), column.golden.size()); ++i)
        if (mine->golden[i] != column.golden[i])
          return "column \"" + column.name + "\" gives " + mine->golden[i] + " for golden event " + to_text(i) + ", gave " +
                 column.golden[i] + ": what it reads changed, and its definition did not";
      before = mine;
    }
    return std::nullopt;
  }

  /// True when every column of `older` is here, as it was and in the same order.
  bool extends(const Schema& older) const { return !missing_from(older).has_value(); }

  /// Why this is not `expected`: the first column that differs; nullopt when they are equal.
  std::optional<std::string> difference(const Schema& expected) const {
    if (auto missing = missing_from(expected)) return missing;
    for (const Column& column : columns_)
      if (expected.find(column.name) == nullptr) return "column \"" + column.name + "\" is new";
    return std::nullopt;
  }

  /// @throws SchemaError "WHO learned from other features: column ..." unless this equals `expected`.
  void require_equal(const Schema& expected, std::string_view who) const {
    if (const auto other = difference(expected)) raise(SchemaError(std::string(who) + " learned from other features: " + *other));
  }

  /// A line a column, "NAME: KIND DEFINITION", in their order, and below each a line for each golden event.
  std::string description() const {
    std::string text;
    for (const Column& column : columns_) {
      text += column.name + ": " + describe(column) + "\n";
      for (std::size_t i = 0; i < column.golden.size(); ++i) text += "  golden " + to_text(i) + ": " + column.golden[i] + "\n";
    }
    return text;
  }

  friend bool operator==(const Schema& a, const Schema& b) { return a.columns_ == b.columns_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + columns_.capacity() * sizeof(Column) + dense_.capacity() * sizeof(std::uint32_t);
    for (const Column& column : columns_) {
      bytes += column.name.capacity() + column.definition.capacity() + column.golden.capacity() * sizeof(std::string);
      for (const std::string& output : column.golden) bytes += output.capacity();
    }
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Schema", 1);
    ar(self.columns_);
    if constexpr (Ar::reading) {
      ar.check(self.names_are_unique(), "column names");
      self.index();
    }
  }

 private:
  static std::string describe(const Column& column) {
    constexpr std::string_view kinds[] = {"numeric", "nominal", "hashed"};
    std::string text(kinds[static_cast<std::size_t>(column.kind)]);
    if (column.categories != 0) text.append("[").append(to_text(column.categories)).append("]");
    if (!column.definition.empty()) text += " " + column.definition;
    return text;
  }

  bool names_are_unique() const noexcept {
    for (const Column& column : columns_)
      if (find(column.name) != &column) return false;
    return true;
  }

  void index() {
    fingerprint_ = hash_integer(columns_.size());
    dense_.clear();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Column& column = columns_[i];
      require("Schema", "column", column.name, find(column.name) == &column, "named once");
      if (column.kind != Column::Kind::hashed) dense_.push_back(static_cast<std::uint32_t>(i));
      fingerprint_ = hash_combine(fingerprint_, hash_bytes(column.name));
      fingerprint_ = hash_combine(fingerprint_, hash_bytes(column.definition));
      fingerprint_ = hash_combine(fingerprint_, static_cast<std::uint64_t>(column.kind) << 32U | column.categories);
    }
  }

  std::vector<Column> columns_;
  std::vector<std::uint32_t> dense_;  // dense place -> column
  std::uint64_t fingerprint_ = hash_integer(0);
};

}  // namespace rtml
