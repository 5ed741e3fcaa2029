#include "rtml/stream/make_stream.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/stream/agrawal.hpp"
#include "rtml/stream/drift_schedule.hpp"
#include "rtml/stream/hyperplane.hpp"
#include "rtml/stream/payments.hpp"
#include "rtml/stream/sea.hpp"

namespace rtml::stream {

namespace {

constexpr std::array<std::string_view, 4> names{"payments", "sea", "agrawal", "hyperplane"};
constexpr std::array<std::string_view, 5> drifts{"none", "abrupt", "gradual", "incremental", "recurring"};  // in the order of Drift

/// What every made stream knows.
struct Common {
  Common(Spec& spec, std::int64_t rows, Drift otherwise)
      : n(static_cast<std::uint64_t>(spec.integer("n", rows, 4, std::int64_t{1} << 50U))),
        seed(spec.integer("seed", 1)),
        drift(drift_of(spec, otherwise)) {}

  static Drift drift_of(Spec& spec, Drift otherwise) {
    const std::string name = spec.text("drift", drifts[static_cast<std::size_t>(otherwise)]);
    const auto at = static_cast<std::size_t>(std::find(drifts.begin(), drifts.end(), name) - drifts.begin());
    require(spec.name(), "drift", name, at < drifts.size(), one_of(drifts));
    return static_cast<Drift>(at);
  }

  std::uint64_t n;
  std::int64_t seed;
  Drift drift;
};

/// The text of small whole numbers, for nominal columns.
std::string_view digits_of(double code) {
  static constexpr std::array<std::string_view, 20> digits{"0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",
                                                           "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"};
  return digits[static_cast<std::size_t>(code)];
}

/// Four concepts at quarters of the stream (two in turn when recurring), or one that `move` takes along.
template <class Generator>
class Generated final : public Source {
 public:
  using Move = std::function<void(Generator&, double)>;

  Generated(std::string_view name, std::vector<SourceColumn> columns, std::vector<Generator> concepts, const Common& common, Move move)
      : name_(name),
        columns_(std::move(columns)),
        concepts_(std::move(concepts)),
        n_(common.n),
        drift_(common.drift),
        schedule_(4, n_ / 4, drift_ == Drift::gradual ? std::max<std::uint64_t>(1, n_ / 20) : 50),
        move_(std::move(move)),
        numbers_(columns_.size()),
        text_(columns_.size()) {
    if (drift_ != Drift::none && !(drift_ == Drift::incremental && !move_)) drift_points_ = {n_ / 4, n_ / 4 * 2, n_ / 4 * 3};
  }

  std::string_view name() const noexcept override { return name_; }
  std::span<const SourceColumn> columns() const noexcept override { return columns_; }
  Task task() const noexcept override { return Task::binary; }
  std::span<const std::uint64_t> drift_points() const noexcept override { return drift_points_; }

  bool next(Row& row, float& y) override {
    if (row_ == n_) return false;
    const auto example = next_generator().next();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      numbers_[i] = example.x[i];
      if (columns_[i].kind == SourceColumn::Kind::nominal) text_[i] = digits_of(numbers_[i]);
    }
    y = static_cast<float>(example.y);
    row = {{}, numbers_, text_};
    ++row_;
    return true;
  }

 private:
  Generator& next_generator() {
    switch (drift_) {
      case Drift::none: return concepts_[0];
      case Drift::incremental:
        if (move_) move_(concepts_[0], 4.0 * static_cast<double>(row_) / static_cast<double>(n_));
        return concepts_[0];
      case Drift::recurring: return concepts_[schedule_.next() % 2];
      default: return concepts_[schedule_.next()];
    }
  }

  std::string_view name_;
  std::vector<SourceColumn> columns_;
  std::vector<Generator> concepts_;
  std::uint64_t n_;
  Drift drift_;
  DriftSchedule schedule_;
  Move move_;
  std::vector<double> numbers_;
  std::vector<std::string_view> text_;
  std::vector<std::uint64_t> drift_points_;
  std::uint64_t row_ = 0;
};

/// Four levels, one a quarter; from each to the next over an eighth of the stream around the drift point.
double level_at(double quarters, const std::array<double, 4>& levels) {
  double level = levels[0];
  for (std::size_t k = 1; k < levels.size(); ++k) {
    const double done = std::clamp((quarters - static_cast<double>(k) + 0.25) / 0.5, 0.0, 1.0);
    level += done * (levels[k] - levels[k - 1]);
  }
  return level;
}

std::unique_ptr<Source> make_sea(Spec& spec) {
  const Common common(spec, 100'000, Drift::abrupt);
  const auto noise = static_cast<int>(spec.integer("noise", 10, 0, 100));
  spec.finish();
  constexpr std::array<double, 4> thetas{8.0, 9.0, 7.0, 9.5};
  std::vector<Sea> concepts;
  for (const double theta : thetas) concepts.emplace_back(Sea::Options{theta, noise, common.seed});
  return std::make_unique<Generated<Sea>>("sea", std::vector<SourceColumn>{{"a0"}, {"a1"}, {"a2"}}, std::move(concepts), common,
                                          [thetas](Sea& sea, double quarters) { sea.set_theta(level_at(quarters, thetas)); });
}

std::unique_ptr<Source> make_agrawal(Spec& spec) {
  const Common common(spec, 100'000, Drift::abrupt);
  const double perturbation = spec.number("perturbation", 0.05);
  spec.finish();
  std::vector<SourceColumn> columns;
  for (std::size_t i = 0; i < Agrawal::attributes.size(); ++i)
    columns.push_back({Agrawal::attributes[i], Agrawal::is_nominal(i) ? SourceColumn::Kind::nominal : SourceColumn::Kind::numeric});
  std::vector<Agrawal> concepts;
  for (const int function : {1, 2, 1, 4})
    concepts.emplace_back(Agrawal::Options{common.drift == Drift::incremental ? 7 : function, perturbation, common.seed});
  return std::make_unique<Generated<Agrawal>>("agrawal", std::move(columns), std::move(concepts), common,
                                              [](Agrawal& agrawal, double quarters) {
                                                agrawal.set_living_cost(level_at(quarters, {20'000.0, 35'000.0, 10'000.0, 45'000.0}));
                                              });
}

std::unique_ptr<Source> make_hyperplane(Spec& spec) {
  const Common common(spec, 100'000, Drift::incremental);
  Hyperplane::Options options;
  options.attributes = static_cast<int>(spec.integer("attributes", options.attributes, 1, 1000));
  options.noise = static_cast<int>(spec.integer("noise", options.noise, 0, 100));
  const double speed = spec.number("speed", 0.001);
  spec.finish();
  options.drifting = common.drift == Drift::incremental ? options.attributes : 0;
  options.speed = common.drift == Drift::incremental ? speed : 0.0;
  std::vector<SourceColumn> columns;
  for (int i = 0; i < options.attributes; ++i) columns.push_back({"a" + to_text(i)});
  std::vector<Hyperplane> concepts;
  for (int i = 0; i < 4; ++i) {
    options.seed = common.seed + i;
    concepts.emplace_back(options);
  }
  return std::make_unique<Generated<Hyperplane>>("hyperplane", std::move(columns), std::move(concepts), common, nullptr);
}

class PaymentsSource final : public Source {
 public:
  explicit PaymentsSource(const Payments::Options& options) : payments_(options) {}

  std::string_view name() const noexcept override { return "payments"; }
  std::span<const SourceColumn> columns() const noexcept override { return columns_; }
  Task task() const noexcept override { return Task::binary; }
  std::span<const std::uint64_t> drift_points() const noexcept override { return payments_.drift_points(); }

  bool next(Row& row, float& y) override {
    Payment payment;
    bool fraud = false;
    if (!payments_.next(payment, fraud)) return false;
    card_ = to_text(payment.card);
    numbers_ = {static_cast<double>(payment.card), missing, missing, missing, missing, payment.amount, payment.device_age};
    text_ = {card_, payment.merchant, payment.category, payment.country, payment.channel, {}, {}};
    y = fraud ? 1.0F : 0.0F;
    row = {payment.at, numbers_, text_};
    return true;
  }

 private:
  static constexpr double missing = std::numeric_limits<double>::quiet_NaN();

  Payments payments_;
  std::array<SourceColumn, 7> columns_{{{"card", SourceColumn::Kind::nominal},
                                        {"merchant", SourceColumn::Kind::text},
                                        {"category", SourceColumn::Kind::text},
                                        {"country", SourceColumn::Kind::text},
                                        {"channel", SourceColumn::Kind::text},
                                        {"amount", SourceColumn::Kind::numeric},
                                        {"device_age", SourceColumn::Kind::numeric}}};
  std::string card_;
  std::array<double, 7> numbers_{};
  std::array<std::string_view, 7> text_{};
};

std::unique_ptr<Source> make_payments(Spec& spec) {
  const Common common(spec, 60'000, Drift::abrupt);
  spec.finish();
  return std::make_unique<PaymentsSource>(Payments::Options{common.n, static_cast<std::uint64_t>(common.seed), common.drift});
}

}  // namespace

std::span<const std::string_view> stream_names() noexcept { return names; }

std::unique_ptr<Source> make_stream(std::string_view specification) {
  Spec spec(specification);
  if (spec.name() == "payments") return make_payments(spec);
  if (spec.name() == "sea") return make_sea(spec);
  if (spec.name() == "agrawal") return make_agrawal(spec);
  require("stream", "name", spec.name(), spec.name() == "hyperplane", one_of(names));
  return make_hyperplane(spec);
}

}  // namespace rtml::stream
