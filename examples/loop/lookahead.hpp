#pragma once

#include <cstddef>

#include "arguments.hpp"
#include "rtml/stream/delayed_labels.hpp"

namespace rtml_loop {

/// For how many predictions there must be room until their labels come. A delay in event time says nothing of rows: the first 2^22 of the
/// stream are read beforehand to see how many wait at once; where more follow, there is room for twice as many. @throws rtml::Error
std::size_t rows_that_wait(const Arguments& arguments, const rtml::stream::Delay& delay);

}  // namespace rtml_loop
