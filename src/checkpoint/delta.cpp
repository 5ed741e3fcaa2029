#include "delta.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "layout.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"

namespace rtml::checkpoint {

namespace {

constexpr std::size_t block_size = BlockHashes::block;

/// A section as a delta describes it.
struct Change {
  std::string name;
  std::uint64_t size = 0;
  std::uint64_t checksum = 0;       // of all its bytes
  std::vector<std::uint32_t> gaps;  // before each block that changed: blocks that did not

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.size, self.checksum, self.gaps);
  }
};

struct Changes {
  DeltaBase base;
  std::vector<Change> sections;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Delta", 1);
    std::uint32_t block = block_size;
    ar(block, self.base.file, self.base.id);
    ar.check(block == block_size, "size of a block");
    ar(self.sections);
  }
};

[[noreturn]] void refuse_section(const std::string& name, std::string_view why) {
  raise(FormatError(fmt::format("delta: section \"{}\" {}", layout::shown(name), why)));
}

Changes changes_of(const Checkpoint& delta) {
  Changes changes;
  const FileBytes& bytes = delta.at("delta").bytes;
  Reader reader(bytes.span());
  reader(changes);
  reader.finish();
  std::unordered_set<std::string_view> names;
  for (const Change& change : changes.sections) {
    if (!layout::is_name(change.name)) refuse_section(change.name, "has a name that is not 1 to 255 bytes long");
    if (!names.insert(change.name).second) refuse_section(change.name, "is there twice");
  }
  return changes;
}

/// The blocks of a section in order, the last as long as it is.
template <class Use>
void each_block(const Section& section, Use use) {
  std::array<std::byte, block_size> begun{};  // of a block that lies in several pieces
  std::size_t filled = 0;
  section.each_piece([&](std::span<const std::byte> piece) {
    while (!piece.empty()) {
      if (filled == 0 && piece.size() >= block_size) {
        use(piece.first(block_size));
        piece = piece.subspan(block_size);
        continue;
      }
      const std::size_t taken = std::min(block_size - filled, piece.size());
      std::copy_n(piece.begin(), taken, begun.begin() + static_cast<std::ptrdiff_t>(filled));
      piece = piece.subspan(taken);
      filled += taken;
      if (filled < block_size) continue;
      use(std::span<const std::byte>(begun));
      filled = 0;
    }
  });
  if (filled > 0) use(std::span<const std::byte>(begun).first(filled));
}

}  // namespace

const BlockHashes::Hashed* BlockHashes::find(const std::string& name) const noexcept {
  for (const Hashed& section : sections_)
    if (section.name == name) return &section;
  return nullptr;
}

std::optional<std::vector<Section>> BlockHashes::advance(std::span<const Section> sections, const std::string& base,
                                                         std::uint64_t base_id) {
  layout::check_names(sections);
  const bool first = sections_.empty();
  std::size_t total = 0;
  for (const Section& section : sections) total += section.size();
  std::vector<Hashed> now;
  Changes changes{{base, base_id}, {}};
  std::vector<std::byte> blocks;
  bool worth = !first;
  for (const Section& section : sections) {
    const Hashed* before = find(section.name);
    Hashed& hashed = now.emplace_back(Hashed{section.name, section.size(), {}});
    Change change{section.name, section.size(), worth ? layout::checksum_of(section) : 0, {}};
    hashed.blocks.reserve(section.size() / block_size + 1);
    std::uint32_t gap = 0;
    each_block(section, [&](std::span<const std::byte> bytes) {
      const std::size_t i = hashed.blocks.size();
      hashed.blocks.push_back(XXH3_64bits(bytes.data(), bytes.size()));
      if (before != nullptr && i < before->blocks.size() && before->blocks[i] == hashed.blocks[i]) {
        ++gap;
        return;
      }
      worth = worth && blocks.size() + bytes.size() <= total / 2;
      if (!worth) return;
      change.gaps.push_back(std::exchange(gap, 0));
      blocks.insert(blocks.end(), bytes.begin(), bytes.end());
    });
    changes.sections.push_back(std::move(change));
  }
  sections_ = std::move(now);
  if (!worth) return std::nullopt;
  std::vector<Section> delta;
  delta.push_back({"delta", rtml::save(changes)});
  delta.push_back({"blocks", std::move(blocks)});
  return delta;
}

std::size_t BlockHashes::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) + sections_.capacity() * sizeof(Hashed);
  for (const Hashed& section : sections_) bytes += section.name.capacity() + section.blocks.capacity() * sizeof(std::uint64_t);
  return bytes;
}

DeltaBase base_of(const Checkpoint& delta) { return changes_of(delta).base; }

Patched::Patched(const Checkpoint& base) : id_(base.id()) {
  for (const StoredSection& section : base.sections()) parts_.push_back({section.name, section.bytes, {}, false, 0});
}

void Patched::apply(const Checkpoint& delta) {
  const Changes changes = changes_of(delta);
  if (changes.base.id != id_) raise(FormatError(fmt::format("delta: was made of another {}", layout::shown(changes.base.file))));
  std::span<const std::byte> blocks = delta.at("blocks").bytes;
  std::vector<Part> parts;
  for (const Change& change : changes.sections) {
    const auto before = std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) { return part.name == change.name; });
    Part part = before != parts_.end() ? std::move(*before) : Part{};
    part.name = change.name;
    part.checksum = change.checksum;
    if (change.size > part.size() + blocks.size()) refuse_section(change.name, "is longer than its base and what was added");
    const auto size = static_cast<std::size_t>(change.size);
    if (!change.gaps.empty() || size != part.size()) {
      if (!part.owns) part.own.assign(part.stored.span().begin(), part.stored.span().end());
      part.owns = true;
      part.stored = {};
      part.own.resize(size);
    }
    std::size_t at = 0;  // the next block's first byte
    for (const std::uint32_t gap : change.gaps) {
      if (gap > (size - at) / block_size) refuse_section(change.name, "has a block behind its end");
      at += gap * block_size;
      const std::size_t length = std::min(block_size, size - at);
      if (length == 0 || length > blocks.size()) refuse_section(change.name, "has more blocks than bytes");
      std::memcpy(part.own.data() + at, blocks.data(), length);
      blocks = blocks.subspan(length);
      at += length;
    }
    parts.push_back(std::move(part));
  }
  if (!blocks.empty()) raise(FormatError(fmt::format("delta: {} bytes belong to no section", blocks.size())));
  parts_ = std::move(parts);
  id_ = delta.id();
}

Checkpoint Patched::finish() {
  std::vector<StoredSection> sections;
  for (Part& part : parts_) {
    FileBytes bytes = part.owns ? FileBytes(std::move(part.own)) : part.stored;
    if (XXH3_64bits(bytes.span().data(), bytes.size()) != part.checksum)
      refuse_section(part.name, "is not what was saved: its checksum differs");
    sections.push_back({std::move(part.name), std::move(bytes)});
  }
  return {std::move(sections), id_};
}

}  // namespace rtml::checkpoint
