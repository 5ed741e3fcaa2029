#include "value_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "rtml/stream/csv_reader.hpp"
#include "rtml/stream/make_stream.hpp"
#include "rtml/transform/feature_pipeline.hpp"

namespace rtml_bench {

namespace {

using rtml::Row;
using rtml::Spec;

constexpr std::array<std::string_view, 5> kinds{"none", "abrupt", "gradual", "incremental", "recurring"};
constexpr std::size_t concepts = 4;  // one a quarter

/// Which of the four levels holds at row t, as a real number between two neighbours while one gives way to the other.
double level_at(const std::string& kind, std::uint64_t n, std::uint64_t t, rtml::Rng& rng) {
  if (kind == "none") return 0.0;
  const auto spacing = static_cast<double>(n / concepts);
  const auto row = static_cast<double>(t);
  if (kind == "gradual") {  // later of two with a probability that rises: DriftSchedule's curve
    const double u = rng.uniform();
    double level = 0.0;
    for (std::size_t k = 1; k < concepts; ++k)
      if (u < 1.0 / (1.0 + std::exp(-4.0 * (row - static_cast<double>(k) * spacing) / (0.2 * spacing)))) level = static_cast<double>(k);
    return level;
  }
  if (kind == "incremental") {  // over half a quarter, around the point
    double level = 0.0;
    for (std::size_t k = 1; k < concepts; ++k)
      level += std::clamp((row - (static_cast<double>(k) - 0.25) * spacing) / (0.5 * spacing), 0.0, 1.0);
    return level;
  }
  const auto quarter = std::min<std::uint64_t>(t / (n / concepts), concepts - 1);
  return static_cast<double>(kind == "recurring" ? quarter % 2 : quarter);
}

/// Around the middle of a change, for stretches of `spacing` rows.
ChangePoint change_around(std::uint64_t middle, const std::string& kind, std::uint64_t spacing) {
  const std::uint64_t half = kind == "gradual" ? spacing / 5 : kind == "incremental" ? spacing / 4 : 0;
  return {middle - std::min(middle, half), middle + half};
}

ValueStream made(Spec& spec, std::uint64_t seed, double rate, double shift, bool bernoulli) {
  const auto n = static_cast<std::uint64_t>(spec.integer("n", 40'000, 4, 1'000'000'000));
  rtml::Rng rng(seed);
  const std::string kind = spec.text("drift", "abrupt");
  rtml::require(spec.name(), "drift", kind, std::find(kinds.begin(), kinds.end(), kind) != kinds.end(), rtml::one_of(kinds));
  spec.finish();
  ValueStream stream;
  stream.values.resize(n);
  for (std::uint64_t t = 0; t < n; ++t) {
    const double level = level_at(kind, n, t, rng);
    stream.values[t] = bernoulli ? (rng.uniform() < rate + level * shift ? 1.0 : 0.0) : rng.normal() + level * shift;
  }
  for (std::uint64_t k = 1; k < concepts && kind != "none"; ++k)
    stream.changes.push_back(change_around(n / concepts * k, kind, n / concepts));
  stream.truth_known = true;
  return stream;
}

ValueStream errors_of_learner(const std::string& specification, const std::string& name) {
  const auto source = rtml::stream::make_stream(specification);
  rtml::FeaturePipeline<Row> pipeline(features_of(*source, true));
  const auto classes = static_cast<int>(source->classes());
  rtml::AnyLearner learner = rtml::make_learner(name, source->task(), classes);
  learner.bind(pipeline.schema());
  std::vector<float> scores(learner.outputs());
  std::vector<float> before(learner.outputs());
  ValueStream stream;
  Row row;
  for (float y = 0.0F; source->next(row, y);) {
    const rtml::Features x = pipeline(row);
    learner.predict(x, scores);
    if (!rtml::is_nan(y)) {
      const auto outcome = rtml::metrics::outcome_of(source->task(), scores, y, learner.threshold());
      stream.values.push_back(std::abs(outcome.predicted - y) < 0.5F ? 0.0 : 1.0);
      learner.learn(x, y, 1.0F, before);
    }
    pipeline.observe(row);
  }
  const std::string kind = Spec(specification).text("drift", "abrupt");
  const auto points = source->drift_points();
  for (const std::uint64_t point : points) stream.changes.push_back(change_around(point, kind, points.front()));
  stream.truth_known = kind == "none" || !points.empty();  // what moves all the time has no points
  return stream;
}

}  // namespace

std::vector<double> read_values(const std::string& path) {
  std::ifstream file(path);
  if (!file) rtml::raise(rtml::IoError(path + ": " + std::strerror(errno), errno));
  std::vector<double> values;
  std::string line;
  for (std::uint64_t number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // UTF-8 byte order mark
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const auto value = rtml::stream::parse_number(line);
    if (!value) rtml::raise(rtml::FormatError(path + ", line " + rtml::to_text(number) + ": no number"));
    values.push_back(*value);
  }
  if (file.bad()) rtml::raise(rtml::IoError(path + ": " + std::strerror(errno), errno));
  if (values.empty()) rtml::raise(rtml::FormatError(path + ": holds no values"));
  return values;
}

ValueStream make_values(const std::string& specification, const std::string& learner, std::uint64_t seed) {
  Spec spec(specification);
  const std::string own_seed = spec.text("seed", "");
  rtml::require(spec.name(), "seed", own_seed, own_seed.empty(), "left to --seed");
  const bool bernoulli = spec.name() == "bernoulli";
  const bool gaussian = spec.name() == "gaussian";
  if (!bernoulli && !gaussian) {
    const auto known = rtml::stream::stream_names();
    std::string rule = "one of bernoulli, gaussian";
    for (const std::string_view name : known) rule += ", " + std::string(name);
    rtml::require("stream", "name", spec.name(), std::find(known.begin(), known.end(), spec.name()) != known.end(), rule);
    const char* separator = specification.find(':') == std::string::npos ? ":seed=" : ",seed=";
    return errors_of_learner(specification + separator + rtml::to_text(seed), learner);
  }
  const double rate = bernoulli ? spec.number("rate", 0.2) : 0.0;
  const double shift = spec.number("shift", bernoulli ? 0.1 : 0.5);
  if (bernoulli) {
    rtml::require("bernoulli", "rate", rate, rate >= 0.0 && rate <= 1.0, "in [0, 1]");
    const double last = rate + 3.0 * shift;
    rtml::require("bernoulli", "shift", shift, last >= 0.0 && last <= 1.0, "such that rate + 3 shift is in [0, 1]");
  }
  return made(spec, seed, rate, shift, bernoulli);
}

rtml::FeatureSet<Row> features_of(const rtml::stream::Source& source, bool scale) {
  std::vector<rtml::AnyFeature<Row>> features;
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    const rtml::stream::SourceColumn& column = source.columns()[i];
    if (column.kind != rtml::stream::SourceColumn::Kind::numeric) {
      features.push_back(rtml::category(column.name, rtml::text_column(i)));
    } else if (scale) {
      features.push_back(rtml::numeric(column.name, rtml::column(i)) | rtml::standardize());
    } else {
      features.push_back(rtml::numeric(column.name, rtml::column(i)));
    }
  }
  return rtml::feature_set_from<Row>("rtml-bench", std::move(features));
}

}  // namespace rtml_bench
