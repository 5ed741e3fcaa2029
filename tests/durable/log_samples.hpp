// A log as plain as can be, to compare with, and the records that go into both.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/store/event_log.hpp"

namespace rtml::testing {

using checkpoint::testing::TemporaryFolder;

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string as_text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// A record that owns what it holds, at its offset.
struct OwnedEntry {
  std::uint64_t offset = 0;
  std::int64_t at = 0;
  std::uint64_t writer = 0;
  std::uint64_t sequence = 0;
  std::string key;
  std::string bytes;

  LogRecord record() const { return {Time(Duration(at)), writer, sequence, key, as_bytes(bytes)}; }
  friend bool operator==(const OwnedEntry&, const OwnedEntry&) = default;
};

inline OwnedEntry owned(const LogEntry& entry) {
  const LogRecord& record = entry.record;
  return {entry.offset, to_unix_micros(record.at), record.writer, record.sequence, std::string(record.key), as_text(record.bytes)};
}

/// Of three writers; some with one of five keys, some long; times rise with jumps back.
inline OwnedEntry random_entry(Rng& rng, std::uint64_t offset, std::size_t longest = 400) {
  OwnedEntry entry;
  entry.offset = offset;
  entry.at = static_cast<std::int64_t>(1000 * offset + rng.below(20'000)) - 5000;
  entry.writer = rng.below(3) * 1'000'000'007;
  entry.sequence = 2 * offset;
  if (rng.below(3) != 0) entry.key = "key" + std::to_string(rng.below(5));
  entry.bytes.resize(static_cast<std::size_t>(rng.below(longest + 1)));
  for (char& c : entry.bytes) c = static_cast<char>(rng.below(256));
  return entry;
}

inline std::vector<OwnedEntry> random_entries(std::uint64_t seed, std::size_t count, std::size_t longest = 400) {
  Rng rng(seed);
  std::vector<OwnedEntry> entries;
  for (std::uint64_t i = 0; i < count; ++i) entries.push_back(random_entry(rng, i, longest));
  return entries;
}

inline std::vector<OwnedEntry> all_of(LogSnapshot::Reader reader) {
  std::vector<OwnedEntry> entries;
  LogEntry entry;
  while (reader.next(entry)) entries.push_back(owned(entry));
  return entries;
}

inline std::vector<OwnedEntry> all_of(const EventLog& log) { return all_of(log.snapshot().read()); }

/// Those of [from, to).
inline std::vector<OwnedEntry> between(const std::vector<OwnedEntry>& entries, std::uint64_t from, std::uint64_t to) {
  std::vector<OwnedEntry> found;
  for (const OwnedEntry& entry : entries)
    if (entry.offset >= from && entry.offset < to) found.push_back(entry);
  return found;
}

/// What keep_latest_before(end) leaves.
inline std::vector<OwnedEntry> latest_before(const std::vector<OwnedEntry>& entries, std::uint64_t end) {
  std::map<std::string, std::uint64_t> newest;
  for (const OwnedEntry& entry : entries)
    if (entry.offset < end) newest[entry.key] = entry.offset;
  std::vector<OwnedEntry> kept;
  for (const OwnedEntry& entry : entries)
    if (entry.offset >= end || entry.key.empty() || newest.at(entry.key) == entry.offset) kept.push_back(entry);
  return kept;
}

}  // namespace rtml::testing
