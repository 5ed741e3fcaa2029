#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/format.hpp"

// The difference of two checkpoints, by content: docs/format.md, "Delta".
namespace rtml::checkpoint {

/// What was saved last, as a checksum of every small block: 1/16 of its size. Two blocks with one checksum (probability 2^-64) make a delta
/// that does not give its section's checksum, and is refused when it is loaded.
class BlockHashes {
 public:
  static constexpr std::size_t block = 128;

  /// Takes note of `sections`. What changed since the sections before, as sections of a delta on `base`; nullopt when there were none, or
  /// when it is more than half of the whole.
  /// @throws ConfigError as encode()
  std::optional<std::vector<Section>> advance(std::span<const Section> sections, const std::string& base, std::uint64_t base_id);

  std::size_t memory_bytes() const noexcept;

 private:
  struct Hashed {
    std::string name;
    std::uint64_t size;
    std::vector<std::uint64_t> blocks;
  };
  const Hashed* find(const std::string& name) const noexcept;

  std::vector<Hashed> sections_;
};

/// What a delta says of itself.
struct DeltaBase {
  std::string file;
  std::uint64_t id = 0;
};
/// @throws FormatError when it is no delta
DeltaBase base_of(const Checkpoint& delta);

/// A checkpoint to which deltas are applied, one after the other.
class Patched {
 public:
  explicit Patched(const Checkpoint& base);

  /// @throws FormatError when `delta` does not fit
  void apply(const Checkpoint& delta);

  /// @throws FormatError when a section is not what it was when the last delta was made
  Checkpoint finish();

 private:
  struct Part {
    std::string name;
    FileBytes stored;
    std::vector<std::byte> own;  // once something changed
    bool owns = false;
    std::uint64_t checksum = 0;

    std::size_t size() const noexcept { return owns ? own.size() : stored.size(); }
  };

  std::vector<Part> parts_;
  std::uint64_t id_;
};

}  // namespace rtml::checkpoint
