#pragma once

#include <string>
#include <vector>

#include "rtml/stream/source.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml_loop {

/// The features that rtml-loop makes of any source: numeric columns standardised online, nominal and text columns hashed, hour and weekday
/// of the time, and for each entity how many rows it had in the last hour, day and week, with mean and sum of the numeric columns.
/// @throws rtml::ConfigError for an entity that is no column.
rtml::FeatureSet<rtml::Row> make_features(const rtml::stream::Source& source, bool has_time, const std::vector<std::string>& entities,
                                          const std::vector<std::string>& nominal);

}  // namespace rtml_loop
