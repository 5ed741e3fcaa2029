#include "rtml/checkpoint/format.hpp"

#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <unordered_set>

#include "layout.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/core/error.hpp"

namespace rtml::checkpoint {

namespace {

using Bytes = std::span<const std::byte>;
using layout::shown;

enum class Packing : std::uint8_t { raw, zstd };

/// One row of the table of sections.
struct Entry {
  std::string name;
  std::uint64_t offset = 0;    // in the file
  std::uint64_t stored = 0;    // bytes in the file
  std::uint64_t length = 0;    // bytes when unpacked
  std::uint64_t checksum = 0;  // of what is stored
  Packing packing = Packing::raw;
};

std::uint64_t checksum_of(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

template <class T>
void put(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
}

void put(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint64_t little_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8U | std::to_integer<std::uint64_t>(bytes[i - 1]);
  return value;
}

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  raise(FormatError("checkpoint: " + fmt::format(format, std::forward<Args>(args)...)));
}

// --- writing ---------------------------------------------------------------------------------------------------------------------------

/// Empty when packing does not make it smaller.
std::vector<std::byte> packed(const Section& section) {
  constexpr int level = 3;
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), section.size());
  std::vector<std::byte> out(ZSTD_compressBound(section.size()));
  ZSTD_outBuffer space{out.data(), out.size(), 0};
  const auto put = [&](Bytes bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 1;
    while (left != 0 && ZSTD_isError(left) == 0 && (directive == ZSTD_e_end || in.pos < in.size))
      left = ZSTD_compressStream2(context.get(), &space, &in, directive);
    return ZSTD_isError(left) == 0;
  };
  bool done = true;
  section.each_piece([&](Bytes piece) { done = done && put(piece, ZSTD_e_continue); });
  if (!done || !put({}, ZSTD_e_end) || space.pos >= section.size()) return {};
  out.resize(space.pos);
  return out;
}

class Checksum {
 public:
  Checksum() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_64bits_reset(state_.get());
  }
  void add(Bytes bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// --- reading ---------------------------------------------------------------------------------------------------------------------------

/// Takes the table's fields one by one; ends where the footer begins.
class TableReader {
 public:
  TableReader(Bytes file, std::size_t at) : file_(file.first(file.size() - layout::footer_size)), at_(at) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return file_.size() - at_; }

  Bytes take(std::size_t count, std::size_t row) {
    if (count > left()) refuse("the table of sections is truncated in row {} (at byte {})", row, at_);
    const Bytes taken = file_.subspan(at_, count);
    at_ += count;
    return taken;
  }

 private:
  Bytes file_;
  std::size_t at_;
};

Entry read_entry(TableReader& reader, std::size_t row) {
  const std::size_t at = reader.at();
  const Bytes fields = reader.take(layout::entry_size, row);
  const std::uint64_t packing = little_endian(fields.subspan(32, 1));
  const Bytes name = reader.take(static_cast<std::size_t>(little_endian(fields.subspan(33, 1))), row);
  if (name.empty()) refuse("section {} has no name (at byte {})", row, at);

  Entry entry{.name = std::string(reinterpret_cast<const char*>(name.data()), name.size()),
              .offset = little_endian(fields.subspan(0, 8)),
              .stored = little_endian(fields.subspan(8, 8)),
              .length = little_endian(fields.subspan(16, 8)),
              .checksum = little_endian(fields.subspan(24, 8))};
  if (packing > 1) refuse("section \"{}\" is packed in way {}, this build knows 0 and 1 (at byte {})", shown(entry.name), packing, at + 32);
  entry.packing = static_cast<Packing>(packing);
  return entry;
}

/// Sections lie one after the other from the end of the table to the footer: of version 1 without gaps, else with zeros up to the next
/// aligned place.
void check_places(Bytes file, const std::vector<Entry>& entries, std::uint64_t begin, bool aligned) {
  const std::uint64_t end = file.size() - layout::footer_size;
  std::unordered_set<std::string_view> names;
  for (const Entry& entry : entries) {
    if (!names.insert(entry.name).second) refuse("section \"{}\" is there twice", shown(entry.name));
    if (aligned) {
      const std::size_t gap = detail::padding(static_cast<std::size_t>(begin));
      if (gap > end - begin) refuse("section \"{}\" is truncated: begins behind the end (at byte {})", shown(entry.name), begin);
      for (const std::byte zero : file.subspan(static_cast<std::size_t>(begin), gap))
        if (zero != std::byte{0}) refuse("bytes before section \"{}\" are not 0 (at byte {})", shown(entry.name), begin);
      begin += gap;
    }
    if (entry.offset != begin) refuse("section \"{}\" begins at byte {}, expected {}", shown(entry.name), entry.offset, begin);
    if (entry.stored > end - begin)
      refuse("section \"{}\" is truncated: needs {} bytes at byte {}, has {}", shown(entry.name), entry.stored, begin, end - begin);
    begin += entry.stored;
  }
  if (begin != end) refuse("{} bytes belong to no section (at byte {})", end - begin, begin);
}

void check_lengths(const std::vector<Entry>& entries, std::uint64_t unpacked_limit) {
  for (const Entry& entry : entries) {
    if (entry.packing == Packing::raw) {
      if (entry.length != entry.stored)
        refuse("section \"{}\" is {} bytes long, but {} are stored (at byte {})", shown(entry.name), entry.length, entry.stored,
               entry.offset);
      continue;
    }
    if (entry.length / layout::largest_zstd_ratio > entry.stored)
      refuse("section \"{}\" promises {} bytes from {} (at byte {})", shown(entry.name), entry.length, entry.stored, entry.offset);
    if (entry.length > unpacked_limit)
      refuse("section \"{}\" unpacks to {} bytes, the limit leaves {} (at byte {})", shown(entry.name), entry.length, unpacked_limit,
             entry.offset);
    unpacked_limit -= entry.length;
  }
}

std::vector<std::byte> unpacked(const Entry& entry, Bytes stored) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, layout::largest_zstd_window_log);

  constexpr std::uint64_t first_step = std::uint64_t{1} << 20U;
  std::vector<std::byte> out;
  std::size_t done = 0;
  ZSTD_inBuffer in{stored.data(), stored.size(), 0};
  std::size_t wanted = 1;  // 0 when the frame is complete
  while (wanted != 0) {
    // Doubled as it fills: a promise of gigabytes costs nothing until they come.
    if (done == out.size()) out.resize(static_cast<std::size_t>(std::min(entry.length, std::max<std::uint64_t>(first_step, 2 * done))));
    ZSTD_outBuffer space{out.data(), out.size(), done};
    const std::size_t consumed_before = in.pos;
    wanted = ZSTD_decompressStream(context.get(), &space, &in);
    if (ZSTD_isError(wanted) != 0)
      refuse("section \"{}\" does not unpack: {} (at byte {})", shown(entry.name), ZSTD_getErrorName(wanted), entry.offset + in.pos);
    const bool stuck = space.pos == done && in.pos == consumed_before;
    done = space.pos;
    if (stuck && wanted != 0) break;
  }
  if (wanted != 0 || done != entry.length || in.pos != in.size)
    refuse("section \"{}\" unpacks to {} bytes, expected {} (at byte {})", shown(entry.name), done, entry.length, entry.offset);
  return out;
}

std::uint64_t checksum_outside(Bytes file, std::uint64_t version, std::size_t table_end) {
  const Bytes sealed = file.first(file.size() - 8);
  if (version == 1) return checksum_of(sealed);
  Checksum checksum;
  checksum.add(sealed.first(table_end));
  checksum.add(sealed.last(layout::footer_size - 8));
  return checksum.value();
}

}  // namespace

std::string layout::shown(std::string_view name) {
  std::string text;
  for (const char c : name) text += (c >= 32 && c < 127) ? c : '?';
  return text;
}

void layout::check_names(std::span<const Section> sections) {
  std::unordered_set<std::string_view> names;
  for (const Section& section : sections) {
    require("Section", "name", section.name, is_name(section.name), "1 to 255 bytes long");
    require("Section", "name", section.name, names.insert(section.name).second, "given once");
  }
}

std::uint64_t layout::checksum_of(const Section& section) {
  Checksum checksum;
  section.each_piece([&](Bytes piece) { checksum.add(piece); });
  return checksum.value();
}

bool operator==(const Section& a, const Section& b) {
  if (a.name != b.name || a.size() != b.size()) return false;
  std::vector<std::byte> all;
  a.each_piece([&](Bytes piece) { all.insert(all.end(), piece.begin(), piece.end()); });
  std::size_t at = 0;
  bool equal = true;
  b.each_piece([&](Bytes piece) {
    equal = equal && std::equal(piece.begin(), piece.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
    at += piece.size();
  });
  return equal;
}

std::uint64_t encode_to(std::span<const Section> sections, Compression compression, std::uint64_t unpacked_limit, const Sink& sink) {
  layout::check_names(sections);

  std::vector<Section> smaller(sections.size());  // what is packed; without a name = stored as it is
  const auto stored = [&](std::size_t i) -> const Section& { return smaller[i].name.empty() ? sections[i] : smaller[i]; };
  std::vector<std::byte> head;
  std::uint64_t offset = layout::header_size;
  for (const Section& section : sections) offset += layout::entry_size + section.name.size();

  put(head, layout::magic);
  put(head, layout::version);
  put(head, static_cast<std::uint32_t>(sections.size()));
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    if (compression == Compression::zstd && section.size() <= unpacked_limit) {
      if (auto bytes = packed(section); !bytes.empty()) {
        smaller[i] = {section.name, std::move(bytes)};
        unpacked_limit -= section.size();
      }
    }
    offset += detail::padding(static_cast<std::size_t>(offset));
    put(head, offset);
    put(head, static_cast<std::uint64_t>(stored(i).size()));
    put(head, static_cast<std::uint64_t>(section.size()));
    put(head, layout::checksum_of(stored(i)));
    put(head, smaller[i].name.empty() ? Packing::raw : Packing::zstd);
    put(head, static_cast<std::uint8_t>(section.name.size()));
    put(head, std::string_view(section.name));
    offset += stored(i).size();
  }

  Checksum outside;
  outside.add(head);
  sink(head);
  std::size_t at = head.size();
  for (std::size_t i = 0; i < sections.size(); ++i) {
    static constexpr std::array<std::byte, detail::lasting_alignment> zeros{};
    sink(std::span(zeros).first(detail::padding(at)));
    stored(i).each_piece([&](Bytes piece) { sink(piece); });
    at += detail::padding(at) + stored(i).size();
  }

  std::vector<std::byte> foot;
  put(foot, layout::end_magic);
  put(foot, offset + layout::footer_size);
  outside.add(foot);
  put(foot, outside.value());
  sink(foot);
  return outside.value();
}

std::vector<std::byte> encode(std::span<const Section> sections, Compression compression, std::uint64_t unpacked_limit) {
  std::vector<std::byte> file;
  encode_to(sections, compression, unpacked_limit, [&](Bytes bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); });
  return file;
}

Checkpoint::Checkpoint(const FileBytes& bytes, std::uint64_t unpacked_limit) {
  const Bytes file = bytes;
  if (!starts_with(file, layout::magic)) refuse("is no checkpoint of rtml (at byte 0)");
  if (file.size() < layout::header_size + layout::footer_size) refuse("is truncated: has {} bytes", file.size());
  const std::uint64_t version = little_endian(file.subspan(8, 4));
  if (version < 1 || version > layout::version)
    refuse("has format version {}, this build reads 1 to {} (at byte 8)", version, layout::version);
  const Bytes footer = file.last(layout::footer_size);
  if (!starts_with(footer, layout::end_magic)) refuse("is truncated: has no end mark (at byte {})", file.size() - layout::footer_size);
  const std::uint64_t length = little_endian(footer.subspan(8, 8));
  if (length != file.size()) refuse("has {} bytes, was written with {} (at byte {})", file.size(), length, file.size() - 16);

  TableReader reader(file, layout::header_size);
  const std::uint64_t count = little_endian(file.subspan(12, 4));
  if (count > reader.left() / (layout::entry_size + 1)) refuse("has {} sections in {} bytes (at byte 12)", count, file.size());
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < count; ++row) entries.push_back(read_entry(reader, row));
  check_places(file, entries, reader.at(), version > 1);
  check_lengths(entries, unpacked_limit);

  const auto stored = [&](const Entry& entry) {
    return file.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.stored));
  };
  for (const Entry& entry : entries)
    if (checksum_of(stored(entry)) != entry.checksum)
      refuse("section \"{}\" is damaged: its checksum differs (bytes {} to {})", shown(entry.name), entry.offset,
             entry.offset + entry.stored);
  id_ = little_endian(footer.last(8));
  if (checksum_outside(file, version, reader.at()) != id_)
    refuse("is damaged outside of its sections: the checksum of the file differs (at byte {})", file.size() - 8);

  for (const Entry& entry : entries)
    sections_.push_back(
        {entry.name, entry.packing == Packing::raw ? FileBytes(stored(entry), bytes.owner()) : FileBytes(unpacked(entry, stored(entry)))});
}

const StoredSection* Checkpoint::find(std::string_view name) const& noexcept {
  for (const StoredSection& section : sections_)
    if (section.name == name) return &section;
  return nullptr;
}

const StoredSection& Checkpoint::at(std::string_view name) const& {
  if (const StoredSection* found = find(name)) return *found;
  refuse("has no section \"{}\"", shown(name));
}

std::vector<Section> Checkpoint::borrowed() const {
  std::vector<Section> sections;
  for (const StoredSection& section : sections_) sections.push_back({section.name, {}, {{0, section.bytes.span()}}});
  return sections;
}

Checkpoint Checkpoint::open(const std::string& path, std::uint64_t unpacked_limit, FileSystem& files) {
  return Checkpoint(files.read(path), unpacked_limit);
}

std::vector<Section> decode(std::span<const std::byte> file, std::uint64_t unpacked_limit) {
  const Checkpoint checkpoint(FileBytes(file, nullptr), unpacked_limit);
  std::vector<Section> sections;
  for (const StoredSection& section : checkpoint.sections()) {
    const Bytes bytes = section.bytes;
    sections.push_back({section.name, {bytes.begin(), bytes.end()}});
  }
  return sections;
}

}  // namespace rtml::checkpoint
