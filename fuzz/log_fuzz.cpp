// A block of the event log with any bytes is refused with a FormatError, or is records that lie within it and are written as they were read.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "rtml/core/error.hpp"
#include "store/durable/log_block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rtml::detail::Bytes;
  constexpr std::uint64_t first = 1000;
  const Bytes row = std::as_bytes(std::span(data, size));
  static rtml::detail::LogBlock again;
  again.begin(first);
  try {
    Bytes rest = row;
    const std::int64_t highest = rtml::detail::take_head(first, rest);
    while (!rest.empty()) {
      const rtml::LogEntry entry = rtml::detail::take_record(first, rest);
      const auto* const end = reinterpret_cast<const char*>(data + size);
      if (entry.record.key.data() + entry.record.key.size() > end || entry.offset < first) std::abort();
      if (reinterpret_cast<const char*>(entry.record.bytes.data() + entry.record.bytes.size()) > end) std::abort();
      again.add(entry.offset, entry.record);
    }
    if (again.empty()) return 0;
    const Bytes written = again.finish(highest);
    if (!std::equal(written.begin(), written.end(), row.begin(), row.end())) std::abort();
  } catch (const rtml::FormatError&) {
    return 0;
  }
  return 0;
}
