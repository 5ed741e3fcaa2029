#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/detail/nominal_codes.hpp"

namespace rtml::detail {

/// Products of the features of two or more columns, made while an example passes: nothing of them is stored with it. A numeric column
/// enters by its scaled value, a nominal one by its code, a hashed one by the features that `Context::fields` says are its own. Of a column
/// with itself each unordered pair appears once.
class Interactions {
 public:
  using Names = std::vector<std::vector<std::string>>;

  /// @throws ConfigError unless each product has 2 to 8 columns.
  static void require_sizes(const Names& products) {
    for (const auto& names : products)
      require("Linear", "interactions", names.size(), names.size() >= 2 && names.size() <= most, "products of 2 to 8 columns");
  }

  /// True when `schema` has all columns of products that may be.
  static bool fit(const Names& products, const Schema& schema) noexcept {
    for (const auto& names : products) {
      if (names.size() < 2 || names.size() > most) return false;
      for (const std::string& name : names)
        if (schema.find(name) == nullptr) return false;
    }
    return true;
  }

  /// @throws ConfigError that names a column that `schema` has not.
  void bind(const Names& products, const Schema& schema) {
    products_.clear();
    for (const auto& names : products) {
      std::vector<Part> product;
      for (const std::string& name : names) {
        product.push_back(part_of(name, schema));
        product.back().repeats = product.size() > 1 && product[product.size() - 2].salt == product.back().salt;
      }
      products_.push_back(std::move(product));
    }
  }

  bool empty() const noexcept { return products_.empty(); }

  /// True when the products can be made of x: those of hashed columns need a field for each sparse feature.
  bool accepts(const Features& x, std::span<const std::uint32_t> fields) const noexcept {
    if (fields.size() == x.sparse.size()) return true;
    for (const auto& product : products_)
      for (const Part& part : product)
        if (part.kind == Column::Kind::hashed) return false;
    return true;
  }

  /// Calls use(index, value) for every product of `x`; `scaled(place)` is what a numeric column enters by.
  template <class Scaled, class Use>
  void each(const Features& x, std::span<const std::uint32_t> fields, Scaled scaled, Use use) const noexcept {
    for (const auto& product : products_) expand(product, 0, 0, 0, 1.0F, x, fields, scaled, use);
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = products_.capacity() * sizeof(std::vector<Part>);
    for (const auto& product : products_) bytes += product.capacity() * sizeof(Part);
    return bytes;
  }

 private:
  static constexpr std::size_t most = 8;

  struct Part {
    Column::Kind kind = Column::Kind::numeric;
    std::size_t place = 0;   // of a dense column, or among the hashed ones: its field
    std::uint64_t salt = 0;  // of the name
    bool repeats = false;    // the same column as the part before: goes on where that one is
  };

  static Part part_of(const std::string& name, const Schema& schema) {
    const Column* column = schema.find(name);
    require("Linear", "interactions", name, column != nullptr, "a column of the schema");
    Part part{.kind = column->kind, .salt = hash_bytes(name)};
    if (part.kind != Column::Kind::hashed) {
      part.place = *schema.dense_place(name);
    } else {
      for (const Column& other : schema.columns()) {
        if (&other == column) break;
        part.place += other.kind == Column::Kind::hashed ? 1U : 0U;
      }
    }
    return part;
  }

  template <class Scaled, class Use>
  void expand(const std::vector<Part>& product, std::size_t at, std::size_t from, std::uint64_t hash, float value, const Features& x,
              std::span<const std::uint32_t> fields, Scaled scaled, Use use) const noexcept {
    if (at == product.size()) {
      use(static_cast<std::uint32_t>(hash), value);
      return;
    }
    const Part& part = product[at];
    const std::size_t begin = part.repeats ? from : 0;
    const auto go_on = [&](std::size_t place, std::uint64_t code, float factor) {
      const float times = std::clamp(value * factor, -largest_magnitude, largest_magnitude);
      expand(product, at + 1, place, hash_integer(code, hash ^ part.salt), times, x, fields, scaled, use);
    };
    if (part.kind == Column::Kind::hashed) {
      for (std::size_t i = begin; i < x.sparse.size(); ++i)
        if (fields[i] == part.place) go_on(i, x.sparse[i].index, x.sparse[i].value);
    } else if (part.place < x.dense.size() && !is_nan(x.dense[part.place])) {
      if (part.kind == Column::Kind::nominal) {
        go_on(0, NominalCodes::code(x.dense[part.place]), 1.0F);
      } else if (const float z = scaled(part.place); z != 0.0F) {
        go_on(0, 0, z);
      }
    }
  }

  std::vector<std::vector<Part>> products_;
};

}  // namespace rtml::detail
