// A record batch with anything in its structs is refused with an Error and stays the caller's, or can be read to its last cell. Buffers are as
// large as the structs say: how large they are the interface does not tell, and a producer is believed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/stream/arrow_table.hpp"

namespace {

constexpr std::int64_t believed = 24;  // rows and offsets up to which buffers are made

/// Takes an input apart, zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t value = left_[0];
    left_ = left_.subspan(1);
    return value;
  }
  std::int64_t count() {
    constexpr std::int64_t strange[] = {-1, -2, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                                        std::numeric_limits<std::int64_t>::max() / 2};
    const std::uint8_t value = byte();
    return value < 16 ? strange[value % std::size(strange)] : value % (believed / 2);
  }

 private:
  std::span<const std::uint8_t> left_;
};

int released = 0;

/// One column, whose array and schema point into it.
struct Made {
  explicit Made(Input& input) {
    constexpr const char* formats[] = {"c", "C", "s", "S",  "i",    "I",       "l",    "L",    "f",   "g", "b",
                                       "u", "U", "n", "+s", "tss:", "tsm:UTC", "tsu:", "tsn:", "tss", "",  nullptr};
    format = formats[input.byte() % std::size(formats)];
    const std::uint8_t odd = input.byte();
    name = std::string(1, static_cast<char>('a' + odd % 4));
    array.length = input.count();
    array.offset = input.count();
    array.null_count = input.count();
    const bool is_text = format != nullptr && (format[0] == 'u' || format[0] == 'U');
    array.n_buffers = odd % 32 == 1 ? input.count() : (is_text ? 3 : 2);
    // As many bytes as the widest cell needs; offsets of text point anywhere into 256 bytes.
    values = std::make_unique<std::int64_t[]>(static_cast<std::size_t>(4 * believed));
    const bool wide = format != nullptr && format[0] == 'U';
    std::int64_t last = 0;
    for (std::int64_t i = 0; i < 4 * believed; ++i) {
      const std::uint8_t drawn = input.byte();
      if (is_text) {
        last = drawn < 8 ? -1 : (drawn < 128 ? last : drawn);  // mostly level
        if (wide) {
          values[static_cast<std::size_t>(i)] = last;
        } else {
          const auto narrow = static_cast<std::int32_t>(last);
          std::memcpy(reinterpret_cast<char*>(values.get()) + 4 * i, &narrow, sizeof(narrow));
        }
      } else {
        values[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(drawn * 0x0101'0101'0101'0101ULL);
      }
    }
    for (std::uint8_t& bits : validity) bits = input.byte();
    text.assign(256, 'x');
    buffers = {odd % 8 == 2 ? nullptr : validity.data(),
               odd % 64 == 3 ? nullptr : reinterpret_cast<const char*>(values.get()) + (odd % 64 == 4 ? 1 : 0),
               odd % 64 == 5 ? nullptr : text.data()};
    array.buffers = odd % 128 == 6 ? nullptr : buffers.data();
    array.release = odd % 128 == 7 ? nullptr : +[](ArrowArray* /*array*/) {};
    array.dictionary = odd % 128 == 8 ? &array : nullptr;
    schema.format = format;
    schema.name = odd % 128 == 9 ? nullptr : name.c_str();
    schema.release = odd % 128 == 10 ? nullptr : +[](ArrowSchema* /*schema*/) {};
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made() = default;

  const char* format = nullptr;
  std::string name;
  std::unique_ptr<std::int64_t[]> values;
  std::array<std::uint8_t, 4 * believed / 8> validity{};
  std::string text;
  std::array<const void*, 3> buffers{};
  ArrowArray array{};
  ArrowSchema schema{};
};

void read_all(const rtml::Table& table) {
  std::array<char, rtml::TableColumn::longest_number> room{};
  std::size_t sum = 0;
  for (const rtml::TableColumn& column : table.columns())
    for (std::size_t row = 0; row < table.size(); ++row) {
      for (const char c : column.text(row, room)) sum += static_cast<std::size_t>(c);
      sum += column.number(row) > 0.0 ? 1 : 0;
      if (column.is_time()) sum += column.time(row) > rtml::Time{} ? 1 : 0;
    }
  volatile std::size_t kept = sum;
  static_cast<void>(kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::vector<std::unique_ptr<Made>> columns;
  std::vector<ArrowArray*> arrays;
  std::vector<ArrowSchema*> schemas;
  ArrowArray batch{};
  ArrowSchema schema{};
  const std::uint8_t odd = input.byte();
  batch.length = input.count();
  batch.offset = input.count();
  batch.null_count = odd % 8 == 1 ? input.count() : 0;
  for (std::uint8_t i = input.byte() % 4; i > 0; --i) {
    columns.push_back(std::make_unique<Made>(input));
    arrays.push_back(odd % 64 == 2 ? nullptr : &columns.back()->array);
    schemas.push_back(odd % 64 == 3 ? nullptr : &columns.back()->schema);
  }
  std::array<std::uint8_t, believed / 8> validity{};
  for (std::uint8_t& bits : validity) bits = odd % 16 == 4 ? input.byte() : 0xff;
  const void* batch_buffers[] = {odd % 4 == 1 ? nullptr : validity.data()};
  batch.buffers = odd % 64 == 5 ? nullptr : batch_buffers;
  batch.n_buffers = odd % 64 == 6 ? input.count() : 1;
  batch.n_children = odd % 64 == 7 ? input.count() : static_cast<std::int64_t>(columns.size());
  batch.children = odd % 64 == 8 ? nullptr : arrays.data();
  batch.release = odd % 64 == 9 ? nullptr : +[](ArrowArray* /*array*/) { ++released; };
  schema.format = odd % 64 == 10 ? "i" : "+s";
  schema.n_children = static_cast<std::int64_t>(columns.size());
  schema.children = odd % 64 == 11 ? nullptr : schemas.data();
  schema.release = odd % 64 == 12 ? nullptr : +[](ArrowSchema* /*schema*/) {};

  released = 0;
  const bool whole = batch.release != nullptr;
  try {
    {
      const std::string asked[] = {"a", "b"};
      const rtml::stream::ArrowTable table(std::move(batch), schema, std::span(asked).first(odd % 3));
      read_all(table.table());
    }
    if (released != 1) std::abort();
  } catch (const rtml::Error&) {
    if (released != 0 || (whole && batch.release == nullptr)) std::abort();  // still the caller's
  }
  return 0;
}
