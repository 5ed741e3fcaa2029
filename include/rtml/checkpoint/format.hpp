#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// A named part of a checkpoint that is to be written: the bytes of one archive, or whatever the host adds.
struct Section {
  std::string name;
  std::vector<std::byte> bytes;
  std::vector<Writer::Borrowed> borrowed = {};  ///< bytes of others between those; they stay as they are until the section was written

  /// What `writer` was given.
  static Section of(std::string name, Writer writer) {
    std::vector<Writer::Borrowed> borrowed = writer.borrowed();
    return {std::move(name), writer.take(), std::move(borrowed)};
  }

  std::size_t size() const noexcept {
    std::size_t size = bytes.size();
    for (const Writer::Borrowed& piece : borrowed) size += piece.bytes.size();
    return size;
  }

  /// Its bytes in order, in as many pieces as they lie in.
  template <class Use>
  void each_piece(Use use) const {
    const std::span<const std::byte> own(bytes);
    std::size_t at = 0;
    for (const Writer::Borrowed& piece : borrowed) {
      use(own.subspan(at, piece.at - at));
      use(piece.bytes);
      at = piece.at;
    }
    use(own.subspan(at));
  }

  /// Equal names and bytes, wherever they lie.
  RTML_API friend bool operator==(const Section& a, const Section& b);
};

enum class Compression : std::uint8_t {
  none,
  zstd,  ///< each section for itself, where that makes it smaller and all so packed unpack to no more than a limit
};

/// What compressed sections may unpack to, together, unless writer and reader say otherwise: 8 GiB.
inline constexpr std::uint64_t default_unpacked_limit = std::uint64_t{1} << 33U;

/// One file's bytes, as docs/format.md describes them: magic, version, table of sections with a checksum each, checksum of all else.
/// @throws ConfigError for a name that is empty, longer than 255 bytes or given twice.
RTML_API std::vector<std::byte> encode(std::span<const Section> sections, Compression compression = Compression::none,
                                       std::uint64_t unpacked_limit = default_unpacked_limit);

/// The sections, in the order in which they were written, copied: Checkpoint reads them where they lie.
/// @throws FormatError that names the section and the place.
RTML_API std::vector<Section> decode(std::span<const std::byte> file, std::uint64_t unpacked_limit = default_unpacked_limit);

}  // namespace rtml::checkpoint
