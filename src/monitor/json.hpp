#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// Writes one JSON value; commas are its care. "<" is always written \u003c, so that what it wrote may stand inside an HTML script
/// element.
class JsonWriter {
 public:
  JsonWriter& key(std::string_view name) {
    text(name);
    out_ += ':';
    first_ = true;
    return *this;
  }
  void begin(char bracket) {
    comma();
    out_ += bracket;
    first_ = true;
  }
  void end(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void text(std::string_view value);
  void integer(std::uint64_t value);
  void integer(std::int64_t value);

  /// `digits` significant ones, 0 = as many as read back the same value.
  void number(double value, int digits = 0);

  std::string take() noexcept { return std::move(out_); }

 private:
  void comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  std::string out_;
  bool first_ = true;
};

/// How much of the report goes into the JSON.
struct Detail {
  std::size_t points = static_cast<std::size_t>(-1);          ///< of each series of a metric
  std::size_t feature_points = static_cast<std::size_t>(-1);  ///< of each series of a feature
  std::size_t features = static_cast<std::size_t>(-1);        ///< that many, by rank
  std::size_t marks = static_cast<std::size_t>(-1);           ///< that many, the most recent ones
  std::size_t text = static_cast<std::size_t>(-1);            ///< bytes of any one string
  int digits = 0;                                             ///< significant ones of a double; 0 = all
};

std::string report_json(const Report& report, const Detail& detail);

/// At most `most` of `points`, evenly spread, first and last among them.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most);

}  // namespace rtml::monitor
