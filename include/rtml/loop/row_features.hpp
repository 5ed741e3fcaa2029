#pragma once

#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/stream/source.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml {

/// What is known of a source's columns beyond what it says itself.
struct RowFeatures {
  bool has_time = false;                   ///< Row::at means something: hour and weekday become features
  std::vector<std::string> entities = {};  ///< columns that are keys of windows, and no features unless also in `nominal`; needs has_time
  std::vector<std::string> nominal = {};   ///< entities that are features too
};

/// Features of any source: numeric columns standardised online, as they are and by their logarithm; nominal and text columns hashed; hour and
/// weekday of the time; and for each entity how many rows it had in the last hour, day and week, with mean and sum of the numeric columns.
/// @throws ConfigError for an entity that is no column, or entities without a time.
RTML_API FeatureSet<Row> row_features(std::string name, const stream::Source& source, const RowFeatures& options);

}  // namespace rtml
