#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace rtml::monitor {

/// Writes one JSON value; commas are its care. "<" is always written \u003c, so that what it wrote may stand inside HTML.
class JsonWriter {
 public:
  JsonWriter& key(std::string_view name) {
    text(name);
    out_ += ':';
    first_ = true;
    return *this;
  }
  void flag(bool value) {
    comma();
    out_ += value ? "true" : "false";
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

  /// As many digits as read back the same value; null when it is not finite.
  void number(double value);
  void number(float value);

  std::string take() noexcept { return std::move(out_); }

 private:
  void comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace rtml::monitor
