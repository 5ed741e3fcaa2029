// Any bytes are refused with a FormatError or are rows of as many fields as the header has, in bounded memory.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/stream/csv_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rtml::stream::CsvReader;
  const CsvReader::Options options{.max_line = 256, .max_columns = 16, .max_reasons = 4};
  try {
    auto reader = CsvReader::of_text(std::string(reinterpret_cast<const char*>(data), size), options);
    for (std::size_t column = 0; column < reader.columns().size(); ++column) reader.declare_numeric(column);
    std::uint64_t last_line = 0;
    while (reader.next()) {
      const rtml::Row row = reader.row();
      if (row.text.size() != reader.columns().size() || row.numbers.size() != row.text.size()) std::abort();
      if (reader.line() <= last_line) std::abort();
      last_line = reader.line();
      for (const std::string_view text : row.text) static_cast<void>(rtml::stream::parse_time(text));
    }
    if (reader.reasons().size() > 4 || reader.reasons().size() > reader.bad_rows()) std::abort();
  } catch (const rtml::FormatError&) {
    return 0;
  }
  return 0;
}
