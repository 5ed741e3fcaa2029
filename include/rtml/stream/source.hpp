#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/row.hpp"
#include "rtml/core/task.hpp"

namespace rtml::stream {

/// One column of a source.
struct SourceColumn {
  enum class Kind : std::uint8_t {
    numeric,  ///< Row::numbers is the value
    nominal,  ///< a category: a small whole number in Row::numbers, the same in Row::text
    text,     ///< a category: only Row::text says which
  };

  std::string name;
  Kind kind = Kind::numeric;

  friend bool operator==(const SourceColumn&, const SourceColumn&) = default;
};

/// Labelled rows in stream order, from a file or made. The label is not among the columns.
///
/// One thread at a time. Memory is bounded, however long the stream.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  virtual std::string_view name() const noexcept = 0;
  virtual std::span<const SourceColumn> columns() const noexcept = 0;
  virtual Task task() const noexcept = 0;

  /// Of a task of classes how many there are, else 2; labels are 0, 1, ...
  virtual std::size_t classes() const noexcept { return 2; }

  /// Fills the next row and its label, which is NaN where it is missing; false at the end. `row` is valid until the next call.
  /// @throws IoError when a file cannot be read further.
  virtual bool next(Row& row, float& y) = 0;

  /// Where a made stream changes: the 0-based row at the middle of each drift. Empty when nobody knows.
  virtual std::span<const std::uint64_t> drift_points() const noexcept { return {}; }
};

}  // namespace rtml::stream
