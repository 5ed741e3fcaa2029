#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace rtml {

using Duration = std::chrono::microseconds;

/// When something happened: microseconds UTC since 1970. What rtml archives and compares is this integer.
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// The wall clock as rtml asks for it. Inject one in tests and simulations; it is called from the thread that needs the time.
using Clock = std::function<Time()>;

inline Time system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

constexpr Time from_unix_seconds(std::int64_t count) noexcept { return Time(std::chrono::seconds(count)); }
constexpr std::int64_t to_unix_micros(Time at) noexcept { return at.time_since_epoch().count(); }

}  // namespace rtml
