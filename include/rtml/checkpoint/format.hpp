#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// A named part of a checkpoint: the bytes of one archive, or whatever the host adds.
struct Section {
  std::string name;
  std::vector<std::byte> bytes;

  friend bool operator==(const Section&, const Section&) = default;
};

enum class Compression : std::uint8_t {
  none,
  zstd,  ///< each section for itself, and only where that makes it smaller
};

/// What compressed sections may unpack to, together, unless the reader says otherwise: 8 GiB.
inline constexpr std::uint64_t default_unpacked_limit = std::uint64_t{1} << 33U;

/// One file's bytes, as docs/format.md describes them: magic, version, table of sections with a checksum each, checksum of the whole.
/// @throws ConfigError for a name that is empty, longer than 255 bytes or given twice.
RTML_API std::vector<std::byte> encode(std::span<const Section> sections, Compression compression = Compression::none);

/// The sections, in the order in which they were written. Every length is held against the bytes that are there before anything is
/// allocated for it, and nothing is unpacked before all checksums agree; memory grows with what is unpacked, not with what is promised.
/// @throws FormatError that names the section and the place.
RTML_API std::vector<Section> decode(std::span<const std::byte> file, std::uint64_t unpacked_limit = default_unpacked_limit);

}  // namespace rtml::checkpoint
