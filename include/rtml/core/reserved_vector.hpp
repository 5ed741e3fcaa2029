#pragma once

#include <vector>

namespace rtml {

/// A vector whose copies have the capacity of the original: where that was enough, no copy allocates later either.
template <class T>
class ReservedVector : public std::vector<T> {
 public:
  ReservedVector() = default;
  ReservedVector(const ReservedVector& other) : std::vector<T>() { *this = other; }
  ReservedVector(ReservedVector&&) noexcept = default;
  ReservedVector& operator=(const ReservedVector& other) {
    this->reserve(other.capacity());
    std::vector<T>::operator=(other);
    return *this;
  }
  ReservedVector& operator=(ReservedVector&&) noexcept = default;
  ~ReservedVector() = default;
};

}  // namespace rtml
