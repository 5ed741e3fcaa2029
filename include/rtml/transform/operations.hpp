#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/detail/tile.hpp"
#include "rtml/transform/fitted.hpp"

namespace rtml {

// What may follow `|` after a number. A missing value (NaN) goes through all but those that fill it; so does, unless it is
// clipped, what is infinite or beyond 1e15: it reaches the learner, which refuses and counts the example.

namespace detail {

/// The column that operations are at work on.
struct Stage {
  const std::string& name;
  std::string definition;
  std::size_t column;

  /// What the statistics of the column, as it is here, are known by.
  std::uint64_t slot() const noexcept { return hash_combine(hash_bytes(name), hash_bytes(definition)); }
};

/// What statistics see of a value: nothing that is not usable.
inline float observable(float x) noexcept { return is_usable(x) ? x : std::numeric_limits<float>::quiet_NaN(); }

struct Log1p {
  static constexpr bool last = false;
  void bind(auto& /*binding*/, Stage& stage) const { stage.definition += "|log1p"; }
  static float apply(float x, Cursor& /*cursor*/) noexcept { return kernels::signed_log1p(x); }
  static void apply(float* x, auto& tile) noexcept { kernels::signed_log1p(x, tile.size()); }
};

struct Log {
  static constexpr bool last = false;
  void bind(auto& /*binding*/, Stage& stage) const { stage.definition += "|log"; }
  static float apply(float x, Cursor& /*cursor*/) noexcept { return kernels::log(x); }
  static void apply(float* x, auto& tile) noexcept { kernels::log(x, tile.size()); }
};

struct Power {
  static constexpr bool last = false;
  float lambda;
  void bind(auto& /*binding*/, Stage& stage) const { stage.definition += "|power(" + to_text(lambda) + ")"; }
  float apply(float x, Cursor& /*cursor*/) const noexcept { return kernels::power(x, lambda); }
  void apply(float* x, auto& tile) const noexcept { kernels::power(x, tile.size(), lambda); }
};

struct Polynomial {
  static constexpr bool last = true;
  unsigned degree;
  void bind(auto& binding, Stage& stage) const {
    for (unsigned n = 2; n <= degree; ++n) {
      const std::string power = "^" + to_text(n);
      binding.add({stage.name + power, stage.definition + "|" + power});
    }
    stage.definition += "|polynomial(" + to_text(degree) + ")";
  }
  static float times(float power, float x) noexcept {
    const float product = power * x;  // what is usable stays so
    return is_usable(x) ? std::clamp(product, -largest_magnitude, largest_magnitude) : product;
  }
  float apply(float x, Cursor& cursor) const noexcept {
    float power = x;
    for (unsigned n = 2; n <= degree; ++n) *cursor.dense++ = power = times(power, x);
    return x;
  }
  void apply(const float* x, auto& tile) const noexcept {
    const float* power = x;
    for (unsigned n = 2; n <= degree; ++n) {
      float* const next = tile.next_column();
      for (std::size_t i = 0; i < tile.size(); ++i) next[i] = times(power[i], x[i]);
      power = next;
    }
  }
};

struct FillMissing {
  static constexpr bool last = false;
  float value;
  void bind(auto& /*binding*/, Stage& stage) const { stage.definition += "|fill_missing(" + to_text(value) + ")"; }
  float apply(float x, Cursor& /*cursor*/) const noexcept { return kernels::element::filled(x, value); }
  void apply(float* x, auto& tile) const noexcept { kernels::fill(x, tile.size(), value); }
};

struct Standardize {
  static constexpr bool last = false;
  void bind(auto& binding, Stage& stage) const {
    binding.fit_slots.push_back(stage.slot());
    stage.definition += "|standardize";
  }
  static float apply(float x, Cursor& cursor) noexcept {
    *cursor.fit_input++ = observable(x);
    return Fitted::standardized(x, *cursor.mean++, *cursor.scale++);
  }
  static void apply(float* x, auto& tile) noexcept {
    Cursor& cursor = tile.cursor();
    ++cursor.fit_input;
    kernels::standardize(x, tile.size(), *cursor.mean++, *cursor.scale++, Fitted::largest);
  }
};

struct FillWithMean {
  static constexpr bool last = false;
  void bind(auto& binding, Stage& stage) const {
    binding.fit_slots.push_back(stage.slot());
    stage.definition += "|fill_with_mean";
  }
  static float apply(float x, Cursor& cursor) noexcept {
    *cursor.fit_input++ = observable(x);
    ++cursor.scale;
    return kernels::element::filled(x, *cursor.mean++);
  }
  static void apply(float* x, auto& tile) noexcept {
    Cursor& cursor = tile.cursor();
    ++cursor.fit_input;
    ++cursor.scale;
    kernels::fill(x, tile.size(), *cursor.mean++);
  }
};

/// What is served from the quantiles of all that was seen.
template <class Serve>
struct Ranked {
  static constexpr bool last = false;
  void bind(auto& binding, Stage& stage) const {
    binding.rank_slots.push_back(stage.slot());
    stage.definition += Serve::name;
  }
  static float apply(float x, Cursor& cursor) noexcept {
    *cursor.rank_input++ = observable(x);
    const float* const knots = std::exchange(cursor.knots, cursor.knots + FittedRanks::knot_count);
    return Serve::of(x, knots);
  }
  static void apply(float* x, auto& tile) noexcept {
    Cursor& cursor = tile.cursor();
    ++cursor.rank_input;
    Serve::of(x, tile.size(), std::exchange(cursor.knots, cursor.knots + FittedRanks::knot_count));
  }
};
struct ServeRobust {
  static constexpr const char* name = "|robust";
  static float of(float x, const float* knots) noexcept { return FittedRanks::centered(x, knots); }
  static void of(float* x, std::size_t n, const float* knots) noexcept { FittedRanks::centered_scale(knots).of(x, n); }
};
struct ServeQuantile {
  static constexpr const char* name = "|quantile";
  static float of(float x, const float* knots) noexcept { return FittedRanks::rank(x, knots); }
  static void of(float* x, std::size_t n, const float* knots) noexcept {
    for (std::size_t i = 0; i < n; ++i) x[i] = of(x[i], knots);
  }
};
struct ServeMinMax {
  static constexpr const char* name = "|min_max";
  static float of(float x, const float* knots) noexcept { return FittedRanks::within_range(x, knots); }
  static void of(float* x, std::size_t n, const float* knots) noexcept { FittedRanks::range_scale(knots).of(x, n); }
};

struct Clip {
  static constexpr bool last = false;
  float lo;
  float hi;
  void bind(auto& /*binding*/, Stage& stage) const { stage.definition += "|clip(" + to_text(lo) + "," + to_text(hi) + ")"; }
  float apply(float x, Cursor& /*cursor*/) const noexcept { return kernels::element::clipped(x, lo, hi); }
  void apply(float* x, auto& tile) const noexcept { kernels::clip(x, tile.size(), lo, hi); }
};

struct MissingIndicator {
  static constexpr bool last = false;
  void bind(auto& binding, Stage& stage) const {
    binding.add({stage.name + ".missing", stage.definition + "|missing"});
    stage.definition += "|missing_indicator";
  }
  static float apply(float x, Cursor& cursor) noexcept {
    *cursor.dense++ = is_nan(x) ? 1.0F : 0.0F;
    return kernels::element::filled(x, 0.0F);
  }
  static void apply(float* x, auto& tile) noexcept {
    kernels::flag_missing(x, tile.size(), tile.next_column());
    kernels::fill(x, tile.size(), 0.0F);
  }
};

struct Bucketize {
  static constexpr bool last = true;
  std::vector<float> edges;
  void bind(auto& binding, Stage& stage) const {
    stage.definition += "|bucketize(";
    for (std::size_t i = 0; i < edges.size(); ++i) stage.definition += (i == 0 ? "" : ",") + to_text(edges[i]);
    stage.definition += ")";
    binding.columns[stage.column].kind = Column::Kind::nominal;
    binding.columns[stage.column].categories = static_cast<std::uint32_t>(edges.size() + 1);
  }
  float apply(float x) const noexcept {
    if (is_nan(x)) return x;
    return static_cast<float>(std::upper_bound(edges.begin(), edges.end(), x) - edges.begin());
  }
  float apply(float x, Cursor& /*cursor*/) const noexcept { return apply(x); }
  void apply(float* x, auto& tile) const noexcept {
    for (std::size_t i = 0; i < tile.size(); ++i) x[i] = apply(x[i]);
  }
};

/// Of one value, as an event is served, and of a column of a tile in place, as a batch is: to the bit the same.
template <class T>
concept Operation = requires(const T& operation, Cursor& cursor) {
  { T::last } -> std::convertible_to<bool>;
  { operation.apply(0.0F, cursor) } -> std::same_as<float>;
};

}  // namespace detail

/// sign(x) * ln(1 + |x|): tames amounts, counts and durations, of either sign.
constexpr detail::Log1p log1p() noexcept { return {}; }

/// ln(x), for what is always positive; missing where x <= 0.
constexpr detail::Log log() noexcept { return {}; }

/// The power transform of Yeo and Johnson, of either sign: 1 leaves x as it is, 0 is log1p above zero, less than 1 tames large values, more
/// than 1 small ones. See math::yeo_johnson. @throws ConfigError unless lambda is in [-5, 5]
inline detail::Power power(float lambda) {
  require("power", "lambda", lambda, is_finite(lambda) && lambda >= -5.0F && lambda <= 5.0F, "in [-5, 5]");
  return {lambda};
}

/// Adds columns NAME^2 to NAME^degree, limited to +-1e15, for linear models of what is curved; best after standardize. Nothing may follow.
/// @throws ConfigError unless degree is in [2, 8]
inline detail::Polynomial polynomial(unsigned degree) {
  require("polynomial", "degree", degree, degree >= 2 && degree <= 8, "in [2, 8]");
  return {degree};
}

/// Gives `value` where the value is missing here; after standardize, 0 is the mean.
inline detail::FillMissing fill_missing(float value) {
  require("fill_missing", "value", value, is_usable(value), "finite and within 1e15");
  return {value};
}

/// (x - mean) / deviation over all that the loop has observed so far, limited to [-8, 8]; 0 before. See Fitted.
constexpr detail::Standardize standardize() noexcept { return {}; }

/// (x - median) / (third quartile - first) over all that was observed so far, limited to [-8, 8]: outliers move neither. 0 before, and where
/// more than half of the values are one. See FittedRanks.
constexpr detail::Ranked<detail::ServeRobust> robust() noexcept { return {}; }

/// The part of all that was observed so far that lies below x, in [0, 1]: uniform, whatever the distribution. 1/2 before.
constexpr detail::Ranked<detail::ServeQuantile> quantile() noexcept { return {}; }

/// (x - smallest) / (largest - smallest) over all that was observed so far, limited to [0, 1]; 0 before. One outlier spoils it for good: clip
/// first, or take robust.
constexpr detail::Ranked<detail::ServeMinMax> min_max() noexcept { return {}; }

/// Gives the mean of all that was observed so far where the value is missing here; 0 before.
constexpr detail::FillWithMean fill_with_mean() noexcept { return {}; }

/// Limits to [lo, hi], infinities too.
inline detail::Clip clip(float lo, float hi) {
  require("clip", "lo", lo, is_finite(lo), "finite");
  require("clip", "hi", hi, is_finite(hi), "finite");
  require("clip", "lo", lo, lo <= hi, "<= hi");
  return {lo, hi};
}

/// Adds a column NAME.missing, 1 where the value is missing here, and gives the value 0 there. After standardize, 0 is the mean.
constexpr detail::MissingIndicator missing_indicator() noexcept { return {}; }

/// Makes the column nominal: the number of edges that are <= x. `edges` ascending, at least one. Nothing may follow.
inline detail::Bucketize bucketize(std::vector<float> edges) {
  require("bucketize", "edges", edges.size(), !edges.empty(), "at least one");
  for (std::size_t i = 0; i < edges.size(); ++i)
    require("bucketize", "edge", edges[i], is_finite(edges[i]) && (i == 0 || edges[i - 1] < edges[i]), "finite and above the one before");
  return {std::move(edges)};
}

namespace detail {

/// A number of the event (`Input`) and what is done to it: one dense column, and those that operations add behind it.
template <class Input, class... Operations>
class Scalar {
 public:
  static constexpr bool reads_time = Input::reads_time;

  Scalar(std::string name, Input input, std::tuple<Operations...> operations)
      : name_(std::move(name)), input_(std::move(input)), operations_(std::move(operations)) {}

  template <class Event>
  void bind(Binding<Event>& binding) {
    Stage stage{name_, input_.bind(binding, name_), binding.add({name_})};
    std::apply([&](const auto&... operation) { (operation.bind(binding, stage), ...); }, operations_);
    binding.columns[stage.column].definition = std::move(stage.definition);
  }

  template <class Event>
  void compute(const Event& event, Cursor& cursor) const noexcept {
    float* const place = cursor.dense++;
    float x = input_.read(event, cursor);
    std::apply([&](const auto&... operation) { ((x = operation.apply(x, cursor)), ...); }, operations_);
    *place = x;
  }

  template <class Event>
  void compute(Tile<Event>& tile) const noexcept {
    float* const place = tile.next_column();
    if constexpr (requires { input_.read(tile, place); }) {
      input_.read(tile, place);
    } else {
      tile.each_row([&](std::size_t row, const Event& event, Cursor& cursor) { place[row] = input_.read(event, cursor); });
    }
    std::apply([&](const auto&... operation) { (operation.apply(place, tile), ...); }, operations_);
  }

  template <Operation Next>
  friend auto operator|(Scalar scalar, Next operation) {
    static_assert(!(Operations::last || ...), "nothing may follow bucketize or polynomial");
    return Scalar<Input, Operations..., Next>(std::move(scalar.name_), std::move(scalar.input_),
                                              std::tuple_cat(std::move(scalar.operations_), std::tuple<Next>(std::move(operation))));
  }

 private:
  std::string name_;
  Input input_;
  std::tuple<Operations...> operations_;
};

}  // namespace detail
}  // namespace rtml
