#include "recipe.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "rtml/transform/calendar.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/numeric.hpp"
#include "rtml/transform/operations.hpp"
#include "rtml/transform/window.hpp"

namespace rtml_loop {
namespace {

using rtml::AnyFeature;
using rtml::Row;
using rtml::stream::SourceColumn;

struct Span {
  const char* name;
  rtml::Duration length;
};
constexpr std::array<Span, 3> spans{{{"1h", rtml::hours(1)}, {"1d", rtml::days(1)}, {"7d", rtml::days(7)}}};

std::size_t place_of(const rtml::stream::Source& source, const std::string& name) {
  std::string known;
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    if (source.columns()[i].name == name) return i;
    known += (i == 0 ? "" : ", ") + source.columns()[i].name;
  }
  rtml::require("--entity", "column", name, false, "one of " + known);
  return 0;
}

void add_windows(std::vector<AnyFeature<Row>>& features, const rtml::stream::Source& source, const std::string& entity,
                 const std::vector<std::size_t>& numeric) {
  const auto key = rtml::field(entity, rtml::text_column(place_of(source, entity)));
  for (const Span& span : spans) {
    const std::string prefix = entity + "." + span.name;
    features.push_back(rtml::window(prefix + ".count", key, span.length, rtml::count()) | rtml::log1p() | rtml::standardize());
    for (const std::size_t i : numeric) {
      const std::string& name = source.columns()[i].name;
      const auto value = rtml::field(name, rtml::column(i));
      features.push_back(rtml::window(prefix + ".mean." + name, key, span.length, rtml::mean(value)) | rtml::log1p() | rtml::standardize());
      features.push_back(rtml::window(prefix + ".sum." + name, key, span.length, rtml::sum(value)) | rtml::log1p() | rtml::standardize());
    }
  }
}

}  // namespace

rtml::FeatureSet<Row> make_features(const rtml::stream::Source& source, bool has_time, const std::vector<std::string>& entities,
                                    const std::vector<std::string>& nominal) {
  rtml::require("--entity", "time", "none", entities.empty() || has_time, "given by --time, for windows are about it");
  const auto listed = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<AnyFeature<Row>> features;
  std::vector<std::size_t> numeric;
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    const SourceColumn& column = source.columns()[i];
    if (listed(entities, column.name) && !listed(nominal, column.name)) continue;
    if (column.kind == SourceColumn::Kind::numeric) {
      features.push_back(rtml::numeric(column.name, rtml::column(i)) | rtml::standardize());
      features.push_back(rtml::numeric(column.name + ".log", rtml::column(i)) | rtml::log1p() | rtml::standardize());
      numeric.push_back(i);
    } else {
      features.push_back(rtml::category(column.name, rtml::text_column(i)));
    }
  }
  if (has_time) {
    features.push_back(rtml::hour_of_day("time.hour"));
    features.push_back(rtml::day_of_week("time.weekday"));
  }
  for (const std::string& entity : entities) add_windows(features, source, entity, numeric);
  return has_time ? rtml::feature_set_from<Row>("rtml-loop", &Row::at, std::move(features))
                  : rtml::feature_set_from<Row>("rtml-loop", std::move(features));
}

}  // namespace rtml_loop
