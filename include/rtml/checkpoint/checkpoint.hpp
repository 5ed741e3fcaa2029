#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// A section of a checkpoint that was read; a copy shares the bytes.
struct StoredSection {
  std::string name;
  FileBytes bytes;
};

/// What one checkpoint holds, read where it lies: sections that are not compressed are bytes of the mapped file, at a multiple of 64 bytes.
/// Any number of processes open one file and share its memory; a model that was restored from it keeps what it needs of it, also when the
/// file is removed meanwhile.
///
///     const auto checkpoint = Checkpoint::open("state/checkpoint-00000000000000000042.rtml");
///     LogisticRegression model;                // as the saved one was made
///     checkpoint.restore("model", model);      // its weights are read from the file until it learns
///
/// Thread safety: a value; const functions from any thread.
class RTML_API Checkpoint {
 public:
  Checkpoint() = default;

  /// Takes a file apart. All checksums are compared first; every length is held against the bytes that are there before anything is allocated
  /// for it, and memory grows with what is unpacked, not with what is promised. O(bytes).
  /// @throws FormatError that names the section and the place.
  explicit Checkpoint(const FileBytes& bytes, std::uint64_t unpacked_limit = default_unpacked_limit);

  /// Of sections that somebody has put together. `id` stands for their contents.
  Checkpoint(std::vector<StoredSection> sections, std::uint64_t id) noexcept : sections_(std::move(sections)), id_(id) {}

  /// One file: a checkpoint of a state directory that is no delta (the directory need not be taken for that), or an exported one.
  /// @throws IoError, FormatError
  static Checkpoint open(const std::string& path, std::uint64_t unpacked_limit = default_unpacked_limit,
                         FileSystem& files = system_files());

  const std::vector<StoredSection>& sections() const& noexcept { return sections_; }

  /// nullptr when there is none.
  const StoredSection* find(std::string_view name) const& noexcept;

  /// Restores `object`, which was made as the saved one was; it stays as it was when its section is refused.
  /// @throws FormatError, also when there is no such section
  template <class T>
  void restore(std::string_view name, T& object) const {
    const FileBytes& bytes = at(name).bytes;
    load(object, bytes.span(), bytes.owner());
  }

  /// @throws FormatError when there is none
  const StoredSection& at(std::string_view name) const&;

  /// A checksum of all that it holds: what a delta names its base by.
  std::uint64_t id() const noexcept { return id_; }

  /// For writing it again, elsewhere or compressed: valid as long as the checkpoint.
  std::vector<Section> borrowed() const;

 private:
  std::vector<StoredSection> sections_;
  std::uint64_t id_ = 0;
};

/// Writes one file that is whole or not there: written beside, synced, renamed, its folder synced. For export: `Checkpoint::open` reads it.
/// Several threads and processes may write one path: the last one's stays. One that dies meanwhile leaves `PATH.*.tmp`.
/// Needs no memory beyond the sections, but for what is compressed. Returns the file's id.
/// @throws IoError (disk full, ...): what was at `path` before still is.
RTML_API std::uint64_t write_file(const std::string& path, std::span<const Section> sections, Compression compression = Compression::zstd,
                                  FileSystem& files = system_files());

}  // namespace rtml::checkpoint
