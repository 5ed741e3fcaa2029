#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/stream/source.hpp"

namespace rtml::stream {

/// A made stream by name, `NAME[:k=v,...]`, with what every one knows: `n` rows (100000; payments 60000), `seed` (1) and
/// `drift=abrupt|gradual|incremental|recurring|none`.
///
///  - `sea`: concepts 8, 9, 7, 9.5 at quarters of the stream; `noise` percent (10).
///  - `agrawal`: functions 1, 2, 1, 4 at quarters, incremental: function 7 under a rising cost of living; `perturbation` (0.05).
///  - `hyperplane`: incremental by default, every weight moves by `speed` (0.001), without known drift points; otherwise other weights at
///  each
///    quarter; `attributes` (10), `noise` percent (5).
///  - `payments`: see Payments.
///
/// With `drift=abrupt` sea and agrawal repeat, row for row, the streams that MOA makes (width 50; each concept from the same seed).
/// @throws ConfigError for an unknown name (lists the known ones), an unknown option or a value out of range.
RTML_API std::unique_ptr<Source> make_stream(std::string_view specification);

/// Every name that make_stream knows.
RTML_API std::span<const std::string_view> stream_names() noexcept;

}  // namespace rtml::stream
