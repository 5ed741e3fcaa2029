#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/as_of_index.hpp"
#include "rtml/store/entity_keys.hpp"
#include "rtml/store/value.hpp"

namespace rtml {

/// One view of a point-in-time join. Borrowed: valid during the call.
struct JoinSource {
  const AsOfIndex* index = nullptr;
  const EntityKeys* keys = nullptr;  ///< [labels], of the index's view
  std::vector<std::string> columns;  ///< of the view; all when empty
  std::string as = {};               ///< what its columns are called: AS.COLUMN; the view's name when empty
};

/// A column of a table of joined features.
struct JoinedColumn {
  std::string name;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>> values;  ///< [labels]; bool is float
  std::vector<ValueStatus> status;                                                          ///< [labels]
};

/// Features beside labels: as many rows as there are labels, in their order.
class JoinedTable {
 public:
  explicit JoinedTable(std::vector<JoinedColumn> columns) : columns_(std::move(columns)) {}

  std::span<const JoinedColumn> columns() const noexcept { return columns_; }

  /// Values of a column [labels]; NaN or 0 where the status is not present.
  /// @throws SchemaError when there is none of the name, or its values are of another type.
  template <ReadValue T>
  std::span<const T> values(std::string_view name) const {
    const auto* values = std::get_if<std::vector<T>>(&find(name).values);
    if (values == nullptr)
      raise(SchemaError("column \"" + std::string(name) + "\" is not of type " + std::string(name_of(value_type_of<T>))));
    return *values;
  }

  /// @throws SchemaError when there is none of the name.
  std::span<const ValueStatus> status(std::string_view name) const { return find(name).status; }

 private:
  const JoinedColumn& find(std::string_view name) const {
    for (const JoinedColumn& column : columns_)
      if (column.name == name) return column;
    raise(SchemaError("there is no column \"" + std::string(name) + "\""));
  }

  std::vector<JoinedColumn> columns_;
};

/// For each label, what was known of its entities at its time: AsOfIndex says of which row. No label is dropped and none repeated; where
/// nothing was known the status says so. Labels may come in any order.
///
/// Each view's labels are put into the order of its entities and searched there: O(labels (1 + log rows of an entity) + entities) a view,
/// no intermediate table; memory is the result, 8 bytes a label and 4 an entity.
/// @throws ConfigError when a source has not as many keys as there are labels, or two columns would have one name; SchemaError for a column
/// that is not there.
RTML_API JoinedTable point_in_time_join(std::span<const Time> at, std::span<const JoinSource> sources);

}  // namespace rtml
