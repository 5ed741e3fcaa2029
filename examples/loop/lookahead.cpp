#include "lookahead.hpp"

#include <algorithm>
#include <cstdint>

#include "rtml/core/watermark.hpp"
#include "run.hpp"

namespace rtml_loop {

std::size_t rows_that_wait(const Arguments& arguments, const rtml::stream::Delay& delay) {
  constexpr std::uint64_t most_read = std::uint64_t{1} << 22U;
  constexpr std::size_t spare = 1024;
  const std::uint64_t limit = arguments.limit == 0 ? ~std::uint64_t{0} : arguments.limit;
  if (delay.time.count() == 0) return static_cast<std::size_t>(std::min(delay.rows, limit)) + spare;

  const auto source = open(arguments);
  rtml::stream::DelayedLabels<char> waiting(delay, most_read);
  rtml::Watermark watermark;
  std::size_t most = 0;
  std::uint64_t read = 0;
  rtml::Row row;
  float y = 0.0F;
  char label = 0;
  for (; read < std::min(limit, most_read) && source->next(row, y); ++read) {
    waiting.push(watermark.advance(row.at), label);
    most = std::max(most, waiting.size());
    while (waiting.pop(label)) {
    }
  }
  return (read == most_read ? 2 * most : most) + spare;
}

}  // namespace rtml_loop
