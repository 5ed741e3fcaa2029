#include "rtml/transform/geo.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

struct Ride {
  double from_lat = 0.0;
  double from_lon = 0.0;
  double to_lat = 0.0;
  double to_lon = 0.0;
};

constexpr double radius = 6371.0088;
constexpr double pi = 3.141592653589793;

float km(const Ride& ride) {
  FeaturePipeline<Ride> pipeline(
      feature_set<Ride>("rides", haversine("km", &Ride::from_lat, &Ride::from_lon, &Ride::to_lat, &Ride::to_lon)));
  return pipeline(ride).dense[0];
}

std::uint32_t cell(double lat, double lon, double degrees = 0.5) {
  FeaturePipeline<Ride> pipeline(feature_set<Ride>("rides", grid_cell("cell", &Ride::from_lat, &Ride::from_lon, degrees)));
  return pipeline(Ride{lat, lon}).sparse[0].index;
}

/// With libm, and a formula that stays exact near and far (the vector form).
double truth(const Ride& r) {
  const double a = r.from_lat * pi / 180.0;
  const double b = r.to_lat * pi / 180.0;
  const double turn = (r.to_lon - r.from_lon) * pi / 180.0;
  const double across = std::hypot(std::cos(b) * std::sin(turn), std::cos(a) * std::sin(b) - std::sin(a) * std::cos(b) * std::cos(turn));
  return radius * std::atan2(across, std::sin(a) * std::sin(b) + std::cos(a) * std::cos(b) * std::cos(turn));
}

}  // namespace

TEST_CASE("The distance from Nashville to Los Angeles is the published one", "[transform][geo]") {
  CHECK(km({36.12, -86.67, 33.94, -118.40}) == Approx(2887.2599506 * radius / 6372.8));  // published for a radius of 6372.8 km
}

TEST_CASE("Distances are right all over the earth, to float's precision", "[transform][geo][property][simulation]") {
  Rng rng(3);
  for (int round = 0; round < 20'000; ++round) {
    Ride ride{180.0 * rng.uniform() - 90.0, 540.0 * rng.uniform() - 180.0, 180.0 * rng.uniform() - 90.0, 540.0 * rng.uniform() - 180.0};
    if (round % 2 == 0) {  // near
      ride.to_lat = std::clamp(ride.from_lat + 1e-3 * rng.normal(), -90.0, 90.0);
      ride.to_lon = std::clamp(ride.from_lon + 1e-3 * rng.normal(), -180.0, 360.0);
    }
    const double expected = truth(ride);
    CAPTURE(ride.from_lat, ride.from_lon, ride.to_lat, ride.to_lon, expected);
    REQUIRE(std::abs(static_cast<double>(km(ride)) - expected) <= 2e-7 * expected + 1e-6);
    REQUIRE(km(ride) == km({ride.to_lat, ride.to_lon, ride.from_lat, ride.from_lon}));
  }
}

TEST_CASE("Poles, antipodes and the date line are no exceptions", "[transform][geo]") {
  CHECK(km({90.0, 0.0, -90.0, 123.0}) == Approx(pi * radius));
  CHECK(km({90.0, 0.0, 90.0, 77.0}) == Approx(0.0).margin(1e-9));
  CHECK(km({0.0, 0.0, 0.0, 180.0}) == Approx(pi * radius));
  CHECK(km({45.0, 10.0, -45.0, -170.0}) == Approx(pi * radius));
  CHECK(km({0.0, 179.5, 0.0, -179.5}) == Approx(pi * radius / 180.0));
  CHECK(km({0.0, 350.0, 0.0, -10.0}) == 0.0F);
  CHECK(km({12.5, 7.25, 12.5, 7.25}) == 0.0F);
}

TEST_CASE("A place that is none has no distance, and a cell of its own", "[transform][geo]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::uint32_t nowhere = cell(nan, 0.0);
  for (const double wrong : {nan, std::numeric_limits<double>::infinity(), -90.5, 90.5, 1e300}) {
    CHECK(is_nan(km({wrong, 0.0, 0.0, 0.0})));
    CHECK(is_nan(km({0.0, 0.0, wrong, 0.0})));
    CHECK(cell(wrong, 0.0) == nowhere);
  }
  for (const double wrong : {nan, -180.5, 360.5}) {
    CHECK(is_nan(km({0.0, wrong, 0.0, 0.0})));
    CHECK(cell(0.0, wrong) == nowhere);
  }
  CHECK(cell(0.0, 0.0) != nowhere);
}

TEST_CASE("Cells hold what lies within their degrees, and the date line is one", "[transform][geo]") {
  CHECK(cell(10.1, 20.1) == cell(10.4, 20.4));
  CHECK(cell(10.1, 20.1) != cell(10.6, 20.1));
  CHECK(cell(10.1, 20.1) != cell(10.1, 20.6));
  CHECK(cell(10.1, 20.1) != cell(20.1, 10.1));
  CHECK(cell(-0.1, -0.1) != cell(0.1, 0.1));
  CHECK(cell(0.0, 180.0) == cell(0.0, -180.0));
  CHECK(cell(0.0, 200.0) == cell(0.0, -160.0));
  CHECK(cell(10.1, 20.1, 1.0) == cell(10.6, 20.6, 1.0));
  CHECK_THROWS_WITH(grid_cell("c", &Ride::from_lat, &Ride::from_lon, 0.0), "grid_cell: degrees is 0, must be in [1e-5, 90]");
}

TEST_CASE("A definition by places names the version of what reads them", "[transform][geo]") {
  const auto set = feature_set<Ride>(
      "rides", haversine("km", &Ride::from_lat, &Ride::from_lon, field("lat", "v2", [](const Ride& r) { return r.to_lat; }), &Ride::to_lon),
      grid_cell("cell", &Ride::from_lat, &Ride::from_lon, 0.25));
  CHECK(set.schema().columns()[0].definition == "haversine(,,lat@v2,)");
  CHECK(set.schema().columns()[1].definition == "grid_cell(,,0.25)");
}
