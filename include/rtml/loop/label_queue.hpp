#pragma once

#include "rtml/core/bounded_queue.hpp"
#include "rtml/core/event_id.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// The truth about one event, on its way to the learner.
struct Label {
  EventId id;
  float y = 0.0F;
  float weight = 1.0F;
  EventId source = {};  ///< place in the host's feed of labels, when has_source
  bool has_source = false;
  Time at{};  ///< when the label became known; the epoch = not said
};

namespace detail {

using LabelQueue = BoundedQueue<Label>;

}  // namespace detail
}  // namespace rtml
