#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/fitted_ranks.hpp"

namespace rtml {

/// What count_encoding, target_encoding and tf_idf have seen of hashed values: a table of 2^bits cells for each, whose values that meet in a cell
/// share it. Part of Fitted. An input is the number of a cell, which a float holds to the digit; NaN is none.
class FittedTables {
 public:
  enum class Kind : std::uint8_t {
    counts,     ///< events with the value
    documents,  ///< events with the word, of several inputs each
    labels      ///< labels of events with the value, and their sum
  };

  struct Table {
    std::uint64_t slot;  ///< by which a restored one is recognised
    Kind kind;
    unsigned bits;  ///< in [1, 24]
    std::size_t inputs = 1;

    std::size_t cells() const noexcept { return std::size_t{1} << bits; }
    friend bool operator==(const Table&, const Table&) = default;
  };

  FittedTables() = default;
  explicit FittedTables(std::vector<Table> tables) : tables_(std::move(tables)) {
    for (const Table& table : tables_) {
      begins_.push_back(numbers_.size());
      inputs_ += table.inputs;
      numbers_.resize(numbers_.size() + width(table) * (table.cells() + 1));  // the last is of all
    }
  }

  std::size_t size() const noexcept { return inputs_; }  ///< inputs of an event
  const std::vector<Table>& tables() const noexcept { return tables_; }
  bool learn_labels() const noexcept {
    return std::any_of(tables_.begin(), tables_.end(), [](const Table& table) { return table.kind == Kind::labels; });
  }

  double count(std::size_t table, std::size_t cell) const noexcept { return at(table, cell)[0]; }
  double count(std::size_t table) const noexcept { return count(table, tables_[table].cells()); }
  /// Of labels. @pre the table is of them
  double sum(std::size_t table, std::size_t cell) const noexcept { return at(table, cell)[1]; }
  double sum(std::size_t table) const noexcept { return sum(table, tables_[table].cells()); }

  /// One event's inputs [size]. Never allocates; O(inputs), of documents O(inputs^2).
  void observe(std::span<const float> inputs) noexcept {
    each(inputs, [&](std::size_t table, std::span<const float> own) {
      if (tables_[table].kind == Kind::labels) return;
      bool any = false;
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (!is_cell(table, own[i]) || repeats(own, i)) continue;
        at(table, cell_of(own[i]))[0] += 1.0;
        any = true;
      }
      if (any) at(table, tables_[table].cells())[0] += 1.0;
    });
  }

  /// The label of an event of these inputs [size].
  void label(std::span<const float> inputs, float y, float weight) noexcept {
    if (!is_usable(y) || !is_usable(weight) || !(weight > 0.0F)) return;
    each(inputs, [&](std::size_t table, std::span<const float> own) {
      if (tables_[table].kind != Kind::labels || !is_cell(table, own[0])) return;
      for (const std::size_t cell : {cell_of(own[0]), tables_[table].cells()}) {
        at(table, cell)[0] += static_cast<double>(weight);
        at(table, cell)[1] += static_cast<double>(weight) * static_cast<double>(y);
      }
    });
  }

  /// @pre tables() == other.tables()
  void merge(const FittedTables& other) noexcept {
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i] += other.numbers_[i];
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + tables_.capacity() * sizeof(Table) + begins_.capacity() * sizeof(std::size_t) +
           numbers_.capacity() * sizeof(double);
  }

  /// Restores into one made by the same feature set, or by one that gained features since: those begin anew.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FittedTables", 1);
    std::vector<std::uint64_t> slots;
    for (const Table& table : self.tables_) slots.push_back(table.slot);
    if constexpr (Ar::reading) {
      const std::vector<std::uint64_t> here = slots;
      ar(slots);
      self = FittedTables(std::move(self.tables_));
      detail::each_saved_slot(ar, slots, here, [&](std::size_t /*saved*/, std::size_t place) { self.read_table(ar, place); });
    } else {
      ar(slots);
      for (const double number : self.numbers_) ar(number);
    }
  }

 private:
  static std::size_t width(const Table& table) noexcept { return table.kind == Kind::labels ? 2 : 1; }

  double* at(std::size_t table, std::size_t cell) noexcept { return numbers_.data() + begins_[table] + cell * width(tables_[table]); }
  const double* at(std::size_t table, std::size_t cell) const noexcept {
    return numbers_.data() + begins_[table] + cell * width(tables_[table]);
  }

  /// Inputs may come from a file.
  bool is_cell(std::size_t table, float input) const noexcept {
    return is_usable(input) && input >= 0.0F && input < static_cast<float>(tables_[table].cells()) && input == std::floor(input);
  }
  static std::size_t cell_of(float input) noexcept { return static_cast<std::size_t>(input); }

  static bool repeats(std::span<const float> inputs, std::size_t i) noexcept {
    return std::find(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(i), inputs[i]) !=
           inputs.begin() + static_cast<std::ptrdiff_t>(i);
  }

  template <class Use>
  void each(std::span<const float> inputs, Use use) noexcept {
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      use(table, inputs.first(tables_[table].inputs));
      inputs = inputs.subspan(tables_[table].inputs);
    }
  }

  template <class Ar>
  void read_table(Ar& ar, std::size_t table) {
    const std::size_t end = table + 1 < tables_.size() ? begins_[table + 1] : numbers_.size();
    for (std::size_t i = begins_[table]; i < end; ++i) {
      ar(numbers_[i]);
      const bool is_count = (i - begins_[table]) % width(tables_[table]) == 0;
      ar.check(is_finite(numbers_[i]) && (!is_count || numbers_[i] >= 0.0), "counts or sums of categories");
    }
  }

  std::vector<Table> tables_;
  std::vector<std::size_t> begins_;  // [tables] in numbers_
  std::vector<double> numbers_;      // a count a cell; of labels a count and a sum
  std::size_t inputs_ = 0;
};

}  // namespace rtml
