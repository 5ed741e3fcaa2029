#pragma once

#include <cstddef>

#include "arguments.hpp"
#include "rtml/stream/delayed_labels.hpp"

namespace rtml_loop {

/// Most predictions that wait for their labels; what has to make room for others is counted.
constexpr std::size_t most_waiting = 10'000'000;

/// For how many predictions there must be room until their labels come. A delay in event time says nothing of rows: the first four million of the
/// stream are read beforehand for it; where there are more, there is room for twice as many. @throws rtml::Error
std::size_t rows_that_wait(const Arguments& arguments, const rtml::stream::Delay& delay);

}  // namespace rtml_loop
