#include "log_block.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "rtml/core/error.hpp"

namespace rtml::detail {

namespace {

constexpr std::uint32_t version = 1;

[[noreturn]] void refuse(std::uint64_t first, std::string_view why) {
  raise(FormatError(fmt::format("event log: the block at offset {} {}", first, why)));
}

}  // namespace

void LogBlock::begin(std::uint64_t first) noexcept {
  used_ = header_size;
  first_ = first;
  latest_ = std::numeric_limits<std::int64_t>::min();
}

void LogBlock::add(std::uint64_t offset, const LogRecord& record) {
  const std::size_t size = stored_size(record);
  if (bytes_.size() < used_ + size) bytes_.resize(std::max(target_bytes, used_ + size));
  std::byte* at = bytes_.data() + used_;
  at = put_number(at, static_cast<std::uint32_t>(offset - first_));
  at = put_number(at, static_cast<std::uint32_t>(record.key.size()));
  at = put_number(at, static_cast<std::uint32_t>(record.bytes.size()));
  at = put_number(at, to_unix_micros(record.at));
  at = put_number(at, record.writer);
  at = put_number(at, record.sequence);
  const Bytes key = std::as_bytes(std::span(record.key));
  std::copy(record.bytes.begin(), record.bytes.end(), std::copy(key.begin(), key.end(), at));
  used_ += size;
  latest_ = std::max(latest_, to_unix_micros(record.at));
}

Bytes LogBlock::finish(std::int64_t highest) noexcept {
  put_number(put_number(bytes_.data(), version), highest);
  return {bytes_.data(), used_};
}

std::int64_t take_head(std::uint64_t first, Bytes& row) {
  if (row.size() < LogBlock::header_size) refuse(first, "is truncated");
  if (const auto found = number_at<std::uint32_t>(row.data()); found != version)
    refuse(first, fmt::format("has format version {}, this build reads {}", found, version));
  const auto highest = number_at<std::int64_t>(row.data() + 4);
  row = row.subspan(LogBlock::header_size);
  return highest;
}

LogEntry take_record(std::uint64_t first, Bytes& rest) {
  if (rest.size() < LogBlock::record_header_size) refuse(first, "is truncated");
  const std::byte* at = rest.data();
  const auto delta = number_at<std::uint32_t>(at);
  const std::size_t key = number_at<std::uint32_t>(at + 4);
  const std::size_t size = number_at<std::uint32_t>(at + 8);
  LogEntry entry{
      first + delta,
      {Time(Duration(number_at<std::int64_t>(at + 12))), number_at<std::uint64_t>(at + 20), number_at<std::uint64_t>(at + 28), {}, {}}};
  rest = rest.subspan(LogBlock::record_header_size);
  if (key > rest.size() || size > rest.size() - key) refuse(first, "is truncated");
  entry.record.key = {reinterpret_cast<const char*>(rest.data()), key};
  entry.record.bytes = rest.subspan(key, size);
  rest = rest.subspan(key + size);
  return entry;
}

}  // namespace rtml::detail
