#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "rtml/checkpoint/format.hpp"

// Sizes and constants of docs/format.md.
namespace rtml::checkpoint::layout {

inline constexpr std::string_view magic{"\x89RTML\r\n\x1a", 8};  // shows damage by text-mode copies, as PNG's does
inline constexpr std::string_view end_magic{"RTMLEND\n", 8};
inline constexpr std::uint32_t version = 2;     // 1 did not align, and its last checksum was of the whole file
inline constexpr std::size_t header_size = 16;  // magic, version, number of sections
inline constexpr std::size_t entry_size = 34;   // of the table, without the name
inline constexpr std::size_t footer_size = 24;  // end magic, length of the file, checksum

/// No block of zstd unpacks to more than 128 KiB, and none takes less than 4 bytes. Source: RFC 8878, section 3.1.1.2.
inline constexpr std::uint64_t largest_zstd_ratio = 32768;
inline constexpr int largest_zstd_window_log = 23;  // 8 MiB: what unpacking may take beside its output

/// Only what can be printed, so that damaged bytes cannot play with a terminal.
std::string shown(std::string_view name);

constexpr bool is_name(std::string_view name) noexcept { return !name.empty() && name.size() <= 255; }

/// @throws ConfigError for a name that is none, or is given twice
void check_names(std::span<const Section> sections);

/// XXH3-64 of all its bytes.
std::uint64_t checksum_of(const Section& section);

}  // namespace rtml::checkpoint::layout

namespace rtml::checkpoint {

using Sink = std::function<void(std::span<const std::byte>)>;

/// encode(), piece by piece: raw sections are passed on without a copy. Returns the checksum that ends the file.
std::uint64_t encode_to(std::span<const Section> sections, Compression compression, std::uint64_t unpacked_limit, const Sink& sink);

}  // namespace rtml::checkpoint
