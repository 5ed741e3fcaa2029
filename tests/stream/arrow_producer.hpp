// A producer of the Arrow C data interface, written from its specification alone: what ArrowTable is tested with.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "rtml/core/arrow_abi.hpp"

namespace rtml::testing {

/// A column under way; buffers are bytes.
struct ArrowColumn {
  std::string name;
  std::string format;
  std::vector<std::vector<std::uint8_t>> buffers;  // validity first; empty: none
  std::int64_t length = 0;
  std::int64_t offset = 0;
  std::int64_t null_count = 0;
};

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// A bit each, from the lowest of a byte.
inline std::vector<std::uint8_t> bits_of_flags(const std::vector<bool>& flags) {
  std::vector<std::uint8_t> bits((flags.size() + 7) / 8);
  for (std::size_t i = 0; i < flags.size(); ++i) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (flags[i] ? 1U : 0U) << (i % 8));
  return bits;
}

/// A batch of columns: both structs, alive as long as this is, or as the array where it was moved out. Counts the release callbacks.
class ArrowProducer {
 public:
  explicit ArrowProducer(std::vector<ArrowColumn> columns, std::int64_t length, std::int64_t offset = 0)
      : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.columns = std::move(columns);
    const std::size_t count = state.columns.size();
    state.arrays.resize(count);
    state.schemas.resize(count);
    state.buffers.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      ArrowColumn& column = state.columns[i];
      for (const auto& buffer : column.buffers) state.buffers[i].push_back(buffer.empty() ? nullptr : buffer.data());
      state.arrays[i] = {.length = column.length,
                         .null_count = column.null_count,
                         .offset = column.offset,
                         .n_buffers = static_cast<std::int64_t>(state.buffers[i].size()),
                         .n_children = 0,
                         .buffers = state.buffers[i].data(),
                         .children = nullptr,
                         .dictionary = nullptr,
                         .release = [](ArrowArray* released) { released->release = nullptr; },
                         .private_data = nullptr};
      state.schemas[i] = {.format = column.format.c_str(),
                          .name = column.name.c_str(),
                          .metadata = nullptr,
                          .flags = ARROW_FLAG_NULLABLE,
                          .n_children = 0,
                          .children = nullptr,
                          .dictionary = nullptr,
                          .release = [](ArrowSchema* released) { released->release = nullptr; },
                          .private_data = nullptr};
      state.array_places.push_back(&state.arrays[i]);
      state.schema_places.push_back(&state.schemas[i]);
    }
    array = {.length = length,
             .null_count = 0,
             .offset = offset,
             .n_buffers = 1,
             .n_children = static_cast<std::int64_t>(count),
             .buffers = &state.no_validity,
             .children = state.array_places.data(),
             .dictionary = nullptr,
             .release =
                 [](ArrowArray* released) {
                   ++static_cast<State*>(released->private_data)->releases;
                   released->release = nullptr;
                 },
             .private_data = state_.get()};
    schema = {.format = "+s",
              .name = "",
              .metadata = nullptr,
              .flags = 0,
              .n_children = static_cast<std::int64_t>(count),
              .children = state.schema_places.data(),
              .dictionary = nullptr,
              .release = [](ArrowSchema* released) { released->release = nullptr; },
              .private_data = nullptr};
  }

  int releases() const noexcept { return state_->releases; }
  ArrowArray& child(std::size_t i) noexcept { return state_->arrays[i]; }
  ArrowSchema& child_schema(std::size_t i) noexcept { return state_->schemas[i]; }
  void set_buffer(std::size_t column, std::size_t buffer, const void* address) { state_->buffers[column][buffer] = address; }
  void set_validity(const void* bits) { state_->no_validity = bits; }

  ArrowArray array{};
  ArrowSchema schema{};

 private:
  struct State {
    std::vector<ArrowColumn> columns;
    std::vector<ArrowArray> arrays;
    std::vector<ArrowSchema> schemas;
    std::vector<std::vector<const void*>> buffers;
    std::vector<ArrowArray*> array_places;
    std::vector<ArrowSchema*> schema_places;
    const void* no_validity = nullptr;
    int releases = 0;
  };
  std::unique_ptr<State> state_;
};

}  // namespace rtml::testing
