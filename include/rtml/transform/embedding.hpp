#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/field.hpp"

namespace rtml {

/// Vectors by key, learned elsewhere: of words, items, places. A value, cheap to copy: copies share their rows until one is added to.
class EmbeddingTable {
 public:
  /// @throws ConfigError unless width is in [1, 4096]
  explicit EmbeddingTable(std::size_t width) : rows_(std::make_shared<Rows>()) {
    require("EmbeddingTable", "width", width, width >= 1 && width <= 4096, "in [1, 4096]");
    rows_->width = width;
  }

  /// A key is known by its 64-bit hash: integers never meet, of n texts two do with probability n^2 / 2^65.
  /// @throws ConfigError when the vector has another width, a number that is not finite or beyond 1e15, or the key is there
  void add(std::int64_t key, std::span<const float> vector) { put(detail::hash_value(key, 0), vector, to_text(key)); }
  void add(std::string_view key, std::span<const float> vector) { put(detail::hash_value(key, 0), vector, key); }

  std::size_t width() const noexcept { return rows_->width; }
  std::size_t size() const noexcept { return rows_->place.size(); }

  /// Of all keys and vectors, in whatever order they were added.
  std::uint64_t fingerprint() const noexcept {
    std::uint64_t all = hash_integer(width());
    for (const auto& [key, place] : rows_->place) {
      const auto* bytes = reinterpret_cast<const char*>(rows_->vectors.data() + place);
      all += hash_bytes({bytes, width() * sizeof(float)}, key);
    }
    return all;
  }

  /// Empty when there is none of this hash.
  std::span<const float> find(std::uint64_t hash) const noexcept {
    const auto found = rows_->place.find(hash);
    if (found == rows_->place.end()) return {};
    return {rows_->vectors.data() + found->second, rows_->width};
  }

  std::size_t memory_bytes() const noexcept {
    constexpr std::size_t node = sizeof(std::pair<const std::uint64_t, std::size_t>) + sizeof(void*);
    return sizeof(*this) + sizeof(Rows) + rows_->vectors.capacity() * sizeof(float) + rows_->place.size() * node +
           rows_->place.bucket_count() * sizeof(void*);
  }

 private:
  struct Rows {
    std::size_t width = 0;
    std::unordered_map<std::uint64_t, std::size_t> place;  // by hash of the key
    std::vector<float> vectors;
  };

  void put(std::uint64_t hash, std::span<const float> vector, std::string_view key) {
    require("EmbeddingTable", "width of \"" + std::string(key) + "\"", vector.size(), vector.size() == width(),
            "that of the table, " + to_text(width()));
    for (const float value : vector)
      require("EmbeddingTable", "value of \"" + std::string(key) + "\"", value, is_usable(value), "finite and within 1e15");
    require("EmbeddingTable", "key", key, !rows_->place.contains(hash), "one that is not there");
    const std::vector<float> copy(vector.begin(), vector.end());  // it may lie in the table
    if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
    rows_->place.emplace(hash, rows_->vectors.size());
    rows_->vectors.insert(rows_->vectors.end(), copy.begin(), copy.end());
  }

  std::shared_ptr<Rows> rows_;
};

/// The vector of a key as dense columns NAME.0, NAME.1, ...; zeros where the table has none. Made by embedding().
template <class A>
class Embedding {
 public:
  static constexpr bool reads_time = false;

  Embedding(std::string name, Field<A> field, EmbeddingTable table)
      : name_(std::move(name)), field_(std::move(field)), table_(std::move(table)) {}

  template <class Event>
  void bind(detail::Binding<Event>& binding) {
    binding.reads(field_);
    using T = detail::Read<A, Event>;
    static_assert(detail::Integer<T> || detail::Text<T>, "embedding(): the accessor gives an integer, an enum or text");
    const std::string definition =
        "embedding(" + std::string(detail::kind_of<T>()) + "," + to_text(table_.fingerprint()) + ")" + field_.version_suffix();
    for (std::size_t i = 0; i < table_.width(); ++i) binding.add({name_ + "." + to_text(i), definition});
  }

  template <class Event>
  void compute(const Event& event, detail::Cursor& cursor) const noexcept {
    const std::span<const float> vector = table_.find(detail::hash_value(field_.read(event), 0));
    for (std::size_t i = 0; i < table_.width(); ++i) *cursor.dense++ = vector.empty() ? 0.0F : vector[i];
  }

 private:
  std::string name_;
  Field<A> field_;
  EmbeddingTable table_;
};

/// `embedding("merchant", &Payment::merchant, table)`: what was learned of a key elsewhere, as numbers. The table's contents are part of the
/// fingerprint. One look-up, then O(width).
/// @throws ConfigError when the table is empty
template <detail::Source S>
auto embedding(std::string name, S source, EmbeddingTable table) {
  require("embedding", "table", table.size(), table.size() > 0, "not empty");
  return Embedding(std::move(name), detail::to_field(std::move(source)), std::move(table));
}

}  // namespace rtml
