#include "rtml/loop/row_features.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "rtml/transform/calendar.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/numeric.hpp"
#include "rtml/transform/operations.hpp"
#include "rtml/transform/window.hpp"

namespace rtml {
namespace {

using stream::SourceColumn;

struct WindowSpan {
  const char* name;
  Duration length;
};
constexpr std::array<WindowSpan, 3> window_spans{{{"1h", hours(1)}, {"1d", days(1)}, {"7d", days(7)}}};

std::size_t place_of(const stream::Source& source, const std::string& name) {
  std::string known;
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    if (source.columns()[i].name == name) return i;
    if (i > 0) known += ", ";
    known += source.columns()[i].name;
  }
  require("row_features", "entity", name, false, "one of " + known);
  return 0;
}

void add_windows(std::vector<AnyFeature<Row>>& features, const stream::Source& source, const std::string& entity,
                 const std::vector<std::size_t>& numbers) {
  const auto key = field(entity, text_column(place_of(source, entity)));
  for (const WindowSpan& span : window_spans) {
    const std::string prefix = entity + "." + span.name;
    features.push_back(window(prefix + ".count", key, span.length, count()) | log1p() | standardize());
    for (const std::size_t i : numbers) {
      const std::string& name = source.columns()[i].name;
      const auto value = field(name, column(i));
      features.push_back(window(prefix + ".mean." + name, key, span.length, mean(value)) | log1p() | standardize());
      features.push_back(window(prefix + ".sum." + name, key, span.length, sum(value)) | log1p() | standardize());
    }
  }
}

}  // namespace

FeatureSet<Row> row_features(std::string name, const stream::Source& source, const RowFeatures& options) {
  const auto& [has_time, entities, nominal] = options;
  require("row_features", "time", "none", entities.empty() || has_time, "known, for windows of entities are about it");
  const auto listed = [](const std::vector<std::string>& names, const std::string& wanted) {
    return std::find(names.begin(), names.end(), wanted) != names.end();
  };
  std::vector<AnyFeature<Row>> features;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    const SourceColumn& of = source.columns()[i];
    if (listed(entities, of.name) && !listed(nominal, of.name)) continue;
    if (of.kind == SourceColumn::Kind::numeric) {
      features.push_back(numeric(of.name, column(i)) | standardize());
      features.push_back(numeric(of.name + ".log", column(i)) | log1p() | standardize());
      numbers.push_back(i);
    } else {
      features.push_back(category(of.name, text_column(i)));
    }
  }
  if (has_time) {
    features.push_back(hour_of_day("time.hour"));
    features.push_back(day_of_week("time.weekday"));
  }
  for (const std::string& entity : entities) add_windows(features, source, entity, numbers);
  return has_time ? feature_set_from<Row>(std::move(name), &Row::at, std::move(features))
                  : feature_set_from<Row>(std::move(name), std::move(features));
}

}  // namespace rtml
