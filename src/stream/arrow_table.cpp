#include "rtml/stream/arrow_table.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"

namespace rtml::stream {

namespace {

using Type = TableColumn::Type;

struct Format {
  std::string_view text;
  Type type;
  std::size_t bytes;  // of a number or an offset; 0 for bits
};

constexpr Format formats[] = {{"c", Type::int8, 1},      {"C", Type::uint8, 1},   {"s", Type::int16, 2},   {"S", Type::uint16, 2},
                              {"i", Type::int32, 4},     {"I", Type::uint32, 4},  {"l", Type::int64, 8},   {"L", Type::uint64, 8},
                              {"f", Type::float32, 4},   {"g", Type::float64, 8}, {"b", Type::boolean, 0}, {"u", Type::text, 4},
                              {"U", Type::large_text, 8}};
constexpr Format timestamps[] = {{"tss:", Type::unix_seconds, 8},
                                 {"tsm:", Type::unix_milliseconds, 8},
                                 {"tsu:", Type::unix_microseconds, 8},
                                 {"tsn:", Type::unix_nanoseconds, 8}};

std::optional<Format> find_format(std::string_view text) noexcept {
  for (const Format& format : formats)
    if (format.text == text) return format;
  for (const Format& format : timestamps)
    if (text.starts_with(format.text)) return format;
  return std::nullopt;
}

std::string_view shown(const char* text) noexcept { return text == nullptr ? std::string_view("") : std::string_view(text); }

void require_format(bool holds, const std::string& what, std::string_view why) {
  if (!holds) raise(FormatError("ArrowTable: " + what + " " + std::string(why)));
}

/// A length, an offset, a count: what both structs agree on. Sums of two of them do not overflow.
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 4;

void check_counts(const ArrowArray& array, const std::string& what, std::int64_t buffers) {
  require_format(array.release != nullptr, what, "was released");
  require_format(array.length >= 0 && array.length <= most, what, "has the length " + to_text(array.length));
  require_format(array.offset >= 0 && array.offset <= most, what, "has the offset " + to_text(array.offset));
  require_format(array.null_count >= -1 && array.null_count <= array.length, what, "has the null count " + to_text(array.null_count));
  require_format(array.n_buffers == buffers && array.buffers != nullptr, what,
                 "has " + to_text(array.n_buffers) + " buffers, its format " + to_text(buffers));
}

/// `names` what is checked in messages.
template <class Offset>
void check_offsets(const void* buffer, std::size_t first, std::size_t rows, const std::string& what) {
  const auto* const offsets = static_cast<const Offset*>(buffer) + first;
  require_format(offsets[0] >= 0, what, "has the text offset " + to_text(offsets[0]));
  for (std::size_t row = 0; row < rows; ++row) require_format(offsets[row] <= offsets[row + 1], what, "has text offsets that fall");
}

bool all_valid(const ArrowArray& array) noexcept {
  if (array.null_count == 0 || array.buffers[0] == nullptr) return true;
  const auto* const bits = static_cast<const std::uint8_t*>(array.buffers[0]);
  for (auto row = static_cast<std::size_t>(array.offset); row < static_cast<std::size_t>(array.offset + array.length); ++row)
    if ((bits[row / 8] >> (row % 8) & 1U) == 0U) return false;
  return true;
}

TableColumn column_of(const ArrowArray& parent, const ArrowArray& array, const ArrowSchema& schema) {
  const std::string what = "column \"" + std::string(shown(schema.name)) + "\"";
  if (schema.dictionary != nullptr || array.dictionary != nullptr)
    raise(ConfigError("ArrowTable: " + what + " is dictionary-encoded (format \"" + std::string(shown(schema.format)) +
                      "\"), must be decoded first"));
  const auto format = find_format(shown(schema.format));
  if (!format)
    raise(ConfigError("ArrowTable: " + what + " has the format \"" + std::string(shown(schema.format)) +
                      "\", must be a number, bool, utf8 or timestamp"));
  const bool is_text = format->type == Type::text || format->type == Type::large_text;
  check_counts(array, what, is_text ? 3 : 2);
  require_format(array.length >= parent.offset + parent.length, what,
                 "has " + to_text(array.length) + " rows, fewer than its batch, " + to_text(parent.offset + parent.length));
  const auto rows = static_cast<std::size_t>(parent.length);
  const auto first = static_cast<std::size_t>(parent.offset + array.offset);
  TableColumn column{.name = std::string(shown(schema.name)), .type = format->type};
  if (rows == 0) return column;
  const void* const values = array.buffers[1];
  require_format(values != nullptr, what, "has no values");
  require_format(array.buffers[0] != nullptr || array.null_count <= 0, what, "has nulls, and no validity bits");
  require_format(format->bytes == 0 || reinterpret_cast<std::uintptr_t>(values) % format->bytes == 0, what,
                 "has values that are not aligned");
  if (array.null_count != 0) column.validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  column.offset = first;
  column.values = values;
  if (is_text) {
    if (format->type == Type::text) {
      check_offsets<std::int32_t>(values, first, rows, what);
    } else {
      check_offsets<std::int64_t>(values, first, rows, what);
    }
    column.texts = array.buffers[2] == nullptr ? "" : array.buffers[2];
    const bool empty = format->type == Type::text ? static_cast<const std::int32_t*>(values)[first + rows] == 0
                                                  : static_cast<const std::int64_t*>(values)[first + rows] == 0;
    require_format(array.buffers[2] != nullptr || empty, what, "has no bytes of text");
  } else if (format->bytes != 0) {
    column.stride = static_cast<std::ptrdiff_t>(format->bytes);
    column.values = static_cast<const char*>(values) + first * format->bytes;
  }
  return column;
}

Table table_over(const ArrowArray& array, const ArrowSchema& schema, std::span<const std::string> names) {
  require_format(schema.release != nullptr, "the schema", "was released");
  if (shown(schema.format) != "+s")
    raise(ConfigError("ArrowTable: the batch has the format \"" + std::string(shown(schema.format)) + "\", must be a struct, \"+s\""));
  check_counts(array, "the batch", 1);
  require_format(array.n_children == schema.n_children && schema.n_children >= 0, "the batch",
                 "has " + to_text(array.n_children) + " columns, its schema " + to_text(schema.n_children));
  const auto children = static_cast<std::size_t>(schema.n_children);
  require_format(children == 0 || (array.children != nullptr && schema.children != nullptr), "the batch", "has no columns");
  for (std::size_t i = 0; i < children; ++i) {
    require_format(array.children[i] != nullptr && schema.children[i] != nullptr, "the batch", "has no column " + to_text(i));
    require_format(schema.children[i]->release != nullptr, "the schema", "has released column " + to_text(i));
  }
  require_format(array.buffers[0] != nullptr || array.null_count <= 0, "the batch", "has nulls, and no validity bits");
  if (!all_valid(array)) raise(ConfigError("ArrowTable: the batch has rows that are null, must be of whole rows"));

  std::vector<TableColumn> columns;
  const auto add = [&](std::size_t place) { columns.push_back(column_of(array, *array.children[place], *schema.children[place])); };
  const auto is = [&](std::size_t place, std::string_view name) { return shown(schema.children[place]->name) == name; };
  if (names.empty()) {
    for (std::size_t i = 0; i < children; ++i) add(i);
  }
  for (const std::string& name : names) {
    std::size_t place = 0;
    while (place < children && !is(place, name)) ++place;
    if (place == children) raise(ConfigError("ArrowTable: no column \"" + name + "\" in the batch"));
    for (std::size_t i = place + 1; i < children; ++i) require("ArrowTable", "column", name, !is(i, name), "named once");
    add(place);
  }
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) require("ArrowTable", "column", columns[i].name, columns[i].name != columns[j].name, "named once");
  return {std::move(columns), static_cast<std::size_t>(array.length)};
}

}  // namespace

ArrowTable::ArrowTable(ArrowArray&& array, const ArrowSchema& schema, std::span<const std::string> columns)
    : table_(table_over(array, schema, columns)) {
  array_ = std::exchange(array, ArrowArray{});
}

}  // namespace rtml::stream
