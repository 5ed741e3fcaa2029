#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/operations.hpp"

namespace rtml {
namespace detail {

// Without libm: the same bits on every machine. Angles in degrees, as events have them; a quarter turn is then exact.

/// Of an angle in [0, 90], to 1e-15.
inline double sine_of_degrees(double degrees) noexcept {
  const double x = degrees * (3.141592653589793 / 180.0);
  double series = 1.0;
  for (int n = 20; n > 0; n -= 2) series = 1.0 - x * x / (n * (n + 1)) * series;
  return x * series;
}

/// asin(s) / s as a series in s^2, for s up to 1/2.
inline constexpr auto arcsine_series = [] {
  std::array<double, 24> terms{};
  double odd_over_even = 1.0;
  for (std::size_t n = 0; n < terms.size(); ++n) {
    const auto twice = static_cast<double>(2 * n);
    if (n > 0) odd_over_even *= (twice - 1.0) / twice;
    terms[n] = odd_over_even / (twice + 1.0);
  }
  return terms;
}();

/// In radians, of s in [0, 1], to 1e-15.
inline double arcsine(double s) noexcept {
  if (s > 0.5) return 1.5707963267948966 - 2.0 * arcsine(std::sqrt(0.5 * (1.0 - s)));
  double series = 0.0;
  for (std::size_t n = arcsine_series.size(); n-- > 0;) series = series * (s * s) + arcsine_series[n];
  return s * series;
}

/// A place on the earth: latitude in [-90, 90], longitude in [-180, 360].
struct Place {
  double latitude;
  double longitude;
  bool known() const noexcept {
    return is_usable(latitude) && is_usable(longitude) && latitude >= -90.0 && latitude <= 90.0 && longitude >= -180.0 &&
           longitude <= 360.0;
  }
};

/// Along the great circle, in kilometres, on a sphere of the earth's mean radius: within 0.56 % of the ellipsoid's.
/// Source: R. W. Sinnott, "Virtues of the haversine", Sky and Telescope 68 (1984), 159.
inline float great_circle_km(Place a, Place b) noexcept {
  if (!a.known() || !b.known()) return std::numeric_limits<float>::quiet_NaN();
  const auto size = [](double x) { return x < 0.0 ? -x : x; };
  const auto square_of_half_chord = [&](double degrees) {
    const double sine = sine_of_degrees(0.5 * degrees);
    return sine * sine;
  };
  double turn = size(a.longitude - b.longitude);
  if (turn > 360.0) turn -= 360.0;
  if (turn > 180.0) turn = 360.0 - turn;
  const double widths = sine_of_degrees(90.0 - size(a.latitude)) * sine_of_degrees(90.0 - size(b.latitude));  // cosines
  const double h = square_of_half_chord(size(a.latitude - b.latitude)) + widths * square_of_half_chord(turn);
  constexpr double mean_radius = 6371.0088;
  return static_cast<float>(2.0 * mean_radius * arcsine(std::sqrt(h < 1.0 ? h : 1.0)));
}

template <class Latitude, class Longitude>
class PlaceField {
 public:
  PlaceField(Field<Latitude> latitude, Field<Longitude> longitude) : latitude_(std::move(latitude)), longitude_(std::move(longitude)) {}

  template <class Event>
  Place read(const Event& event) const noexcept {
    static_assert(Number<Read<Latitude, Event>> && Number<Read<Longitude, Event>>, "a coordinate is an arithmetic type, in degrees");
    return {to_double(latitude_.read(event)), to_double(longitude_.read(event))};
  }
  template <class Event>
  void bind(Binding<Event>& binding) const {
    binding.reads(latitude_);
    binding.reads(longitude_);
  }
  std::string label() const { return latitude_.label() + "," + longitude_.label(); }

 private:
  Field<Latitude> latitude_;
  Field<Longitude> longitude_;
};

template <class A, class B>
class DistanceInput {
 public:
  static constexpr bool reads_time = false;

  DistanceInput(A from, B to) : from_(std::move(from)), to_(std::move(to)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& /*name*/) const {
    from_.bind(binding);
    to_.bind(binding);
    return "haversine(" + from_.label() + "," + to_.label() + ")";
  }
  template <class Event>
  float read(const Event& event, const Cursor& /*cursor*/) const noexcept {
    return great_circle_km(from_.read(event), to_.read(event));
  }

 private:
  A from_;
  B to_;
};

}  // namespace detail

/// The cell of a grid on the earth that a place lies in, as a hashed category. Made by grid_cell().
template <class Place>
class GridCell : public detail::OneHashed<GridCell<Place>> {
 public:
  static constexpr bool reads_time = false;

  GridCell(std::string name, Place place, double degrees)
      : detail::OneHashed<GridCell>(std::move(name)), place_(std::move(place)), degrees_(degrees) {}

  template <class Event>
  std::string definition(detail::Binding<Event>& binding) const {
    place_.bind(binding);
    return "grid_cell(" + place_.label() + "," + to_text(degrees_) + ")";
  }

  template <class Event>
  std::uint64_t hash(const Event& event, const detail::Cursor& /*cursor*/, std::uint64_t seed) const noexcept {
    const detail::Place place = place_.read(event);
    std::uint64_t cell = ~std::uint64_t{0};  // nowhere
    if (place.known()) {
      const double east = place.longitude + 180.0;
      const auto row = static_cast<std::uint64_t>((place.latitude + 90.0) / degrees_);
      const auto column = static_cast<std::uint64_t>((east >= 360.0 ? east - 360.0 : east) / degrees_);
      cell = row << 32U | column;
    }
    return hash_integer(cell, seed);
  }

 private:
  Place place_;
  double degrees_;
};

/// Kilometres between two places along the great circle, each a latitude and a longitude in degrees, as a dense column:
/// `haversine("trip", &Ride::from_lat, &Ride::from_lon, &Ride::to_lat, &Ride::to_lon) | log1p()`. Missing where a coordinate is missing or
/// beyond [-90, 90] and [-180, 360].
template <detail::Source A, detail::Source B, detail::Source C, detail::Source D>
auto haversine(std::string name, A from_latitude, B from_longitude, C to_latitude, D to_longitude) {
  detail::PlaceField from(detail::to_field(std::move(from_latitude)), detail::to_field(std::move(from_longitude)));
  detail::PlaceField to(detail::to_field(std::move(to_latitude)), detail::to_field(std::move(to_longitude)));
  using Input = detail::DistanceInput<decltype(from), decltype(to)>;
  return detail::Scalar<Input>(std::move(name), Input(std::move(from), std::move(to)), std::tuple<>{});
}

/// Which cell of `degrees` by `degrees` a place lies in, as a hashed category: 0.01 is 1.1 km from north to south, and from east to west
/// at the equator. Where a coordinate is missing or beyond the earth, a value of its own.
/// @throws ConfigError unless degrees is in [1e-5, 90]
template <detail::Source A, detail::Source B>
auto grid_cell(std::string name, A latitude, B longitude, double degrees) {
  require("grid_cell", "degrees", degrees, degrees >= 1e-5 && degrees <= 90.0, "in [1e-5, 90]");
  detail::PlaceField place(detail::to_field(std::move(latitude)), detail::to_field(std::move(longitude)));
  return GridCell<decltype(place)>(std::move(name), std::move(place), degrees);
}

}  // namespace rtml
