// Any bytes are refused with a FormatError or are a checkpoint that survives being written again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rtml/checkpoint/format.hpp"
#include "rtml/core/error.hpp"

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t unpacked_limit = std::uint64_t{1} << 24U;

std::uint64_t number_at(const Bytes& file, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i > 0; --i) value = value << 8U | std::to_integer<std::uint64_t>(file[at + i - 1]);
  return value;
}

void put_at(Bytes& file, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) file[at + i] = static_cast<std::byte>(value >> (8 * i));
}

/// Makes length and checksums agree with the rest, so that mutations reach what lies behind them.
void seal(Bytes& file) {
  constexpr std::size_t header = 16;
  constexpr std::size_t entry = 34;
  constexpr std::size_t footer = 24;
  if (file.size() < header + footer) return;
  const std::size_t end = file.size() - footer;
  std::size_t at = header;
  for (std::uint64_t left = number_at(file, 12, 4); left > 0 && at + entry <= end; --left) {
    const std::uint64_t offset = number_at(file, at, 8);
    const std::uint64_t stored = number_at(file, at + 8, 8);
    if (offset <= end && stored <= end - offset) put_at(file, at + 24, XXH3_64bits(file.data() + offset, stored));
    at += entry + number_at(file, at + 33, 1);
  }
  put_at(file, file.size() - 16, file.size());
  Bytes outside(file.begin(), file.end() - 8);
  if (number_at(file, 8, 4) != 1) {  // since version 2: of what is no section
    outside.assign(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(std::min(at, end)));
    outside.insert(outside.end(), file.end() - footer, file.end() - 8);
  }
  put_at(file, file.size() - 8, XXH3_64bits(outside.data(), outside.size()));
}

void read_and_write(const Bytes& file) {
  using namespace rtml::checkpoint;
  try {
    const auto sections = decode(file, unpacked_limit);
    for (const Compression compression : {Compression::none, Compression::zstd})
      if (decode(encode(sections, compression)) != sections) std::abort();
  } catch (const rtml::FormatError&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  Bytes file(input.begin(), input.end());
  read_and_write(file);
  seal(file);
  read_and_write(file);
  return 0;
}
