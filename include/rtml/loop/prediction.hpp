#pragma once

#include <cstdint>

namespace rtml {

/// What `Loop::predict` answers. A value; nothing in it refers to the loop.
struct Prediction {
  float score = 0.0F;         ///< P(y = 1), the predicted value, or the probability of the predicted class
  float label = 0.0F;         ///< what was decided: 0 or 1, the value, the class
  std::uint32_t arm = 0;      ///< which model answered: its place among the loop's arms
  std::uint32_t version = 0;  ///< how often that model was replaced by a retrained one

  enum class Status : std::uint8_t {
    served,    ///< scored now
    repeated,  ///< this id was asked before: the same answer, nothing fed twice
    refused,   ///< a feature was infinite or beyond 1e15: scored as if missing, counted, never learned from
  };
  Status status = Status::served;
};

}  // namespace rtml
