#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "rtml/core/example.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/replay/class_balanced_buffer.hpp"
#include "rtml/replay/decayed_buffer.hpp"
#include "rtml/replay/herding_buffer.hpp"
#include "rtml/replay/prioritized_buffer.hpp"
#include "rtml/replay/reservoir_buffer.hpp"
#include "rtml/replay/sliding_window.hpp"

namespace rtml {

/// Any replay buffer, or none: what options hold. A value; allocates where the buffer in it does.
class ReplayBuffer {
 public:
  /// None: takes nothing, holds nothing.
  ReplayBuffer() = default;
  ReplayBuffer(ReservoirBuffer buffer) : buffer_(std::move(buffer)) {}      // NOLINT(google-explicit-constructor): it is one
  ReplayBuffer(ClassBalancedBuffer buffer) : buffer_(std::move(buffer)) {}  // NOLINT(google-explicit-constructor)
  ReplayBuffer(SlidingWindow buffer) : buffer_(std::move(buffer)) {}        // NOLINT(google-explicit-constructor)
  ReplayBuffer(PrioritizedBuffer buffer) : buffer_(std::move(buffer)) {}    // NOLINT(google-explicit-constructor)
  ReplayBuffer(DecayedBuffer buffer) : buffer_(std::move(buffer)) {}        // NOLINT(google-explicit-constructor)
  ReplayBuffer(HerdingBuffer buffer) : buffer_(std::move(buffer)) {}        // NOLINT(google-explicit-constructor)

  /// False for none.
  explicit operator bool() const noexcept { return buffer_.index() != 0; }

  /// none, reservoir, class_balanced, sliding, prioritized, decayed or herding.
  std::string_view kind() const noexcept {
    constexpr std::string_view names[] = {"none", "reservoir", "class_balanced", "sliding", "prioritized", "decayed", "herding"};
    return names[buffer_.index()];
  }

  /// Equal for buffers that can read each other's archives.
  std::string shape() const {
    std::string text = std::string(kind()) + " " + to_text(capacity());
    if (const auto* buffer = as<DecayedBuffer>()) text += " " + to_text(buffer->half_life().count());
    if (const auto* buffer = as<SlidingWindow>()) text += " " + to_text(buffer->span().count());
    if (const auto* buffer = as<ClassBalancedBuffer>()) text += " " + to_text(buffer->max_classes());
    if (const auto* buffer = as<HerdingBuffer>()) text += " " + to_text(buffer->max_classes());
    return text;
  }

  /// Whether it draws by the losses that it is told: nobody else needs them.
  bool by_loss() const noexcept { return as<PrioritizedBuffer>() != nullptr; }

  /// With room for `sparse` hashed features an example, or as many as its own option says.
  void bind(const Schema& schema, std::size_t sparse = 0) {
    visit([&](auto& buffer) { buffer.bind(schema, sparse); });
  }
  /// `loss` is that of the prediction before it was learned, where it is known.
  void add(const Features& x, float y, float weight, Time at, float loss = PrioritizedBuffer::unknown) noexcept {
    visit([&](auto& buffer) {
      if constexpr (draws_by_loss<decltype(buffer)>) {
        buffer.add(x, y, weight, at, loss);
      } else {
        buffer.add(x, y, weight, at);
      }
    });
  }
  void clear() noexcept {
    visit([](auto& buffer) { buffer.clear(); });
  }

  std::size_t size() const noexcept {
    return ask(std::size_t{0}, [](const auto& buffer) { return buffer.size(); });
  }
  std::size_t capacity() const noexcept {
    return ask(std::size_t{0}, [](const auto& buffer) { return buffer.capacity(); });
  }
  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept {
    return ask(std::uint64_t{0}, [](const auto& buffer) { return buffer.seen(); });
  }
  std::uint64_t refused() const noexcept {
    return ask(std::uint64_t{0}, [](const auto& buffer) { return buffer.refused(); });
  }
  /// @pre i < size()
  Example at(std::size_t i) const noexcept {
    return ask(Example{}, [&](const auto& buffer) { return buffer.at(i); });
  }
  /// One to learn again, for at(). @pre size() > 0
  std::size_t draw(Rng& rng) const noexcept {
    return ask(std::size_t{0}, [&](const auto& buffer) {
      if constexpr (draws_by_loss<decltype(buffer)>) {
        return buffer.draw(rng);
      } else {
        return static_cast<std::size_t>(rng.below(buffer.size()));
      }
    });
  }
  /// @pre size() > 0
  Example sample(Rng& rng) const noexcept { return at(draw(rng)); }

  /// What the weight of example i is to be multiplied by when it was drawn. @pre i < size()
  float importance(std::size_t i) const noexcept {
    const auto* buffer = as<PrioritizedBuffer>();
    return buffer != nullptr ? buffer->importance(i) : 1.0F;
  }
  /// Tells what a prediction of example i cost now; NaN when it is not known. @pre i < size()
  void update(std::size_t i, float loss) noexcept {
    if (auto* buffer = as<PrioritizedBuffer>()) buffer->update(i, loss);
  }

  /// The buffer itself when it is a T, else nullptr.
  template <class T>
  T* as() noexcept {
    return std::get_if<T>(&buffer_);
  }
  template <class T>
  const T* as() const noexcept {
    return std::get_if<T>(&buffer_);
  }

  std::size_t memory_bytes() const noexcept {
    return ask(sizeof(*this), [](const auto& buffer) { return sizeof(ReplayBuffer) - sizeof(buffer) + buffer.memory_bytes(); });
  }

  /// Restores into a buffer of the same kind and options.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ReplayBuffer", 1);
    auto kind = static_cast<std::uint8_t>(self.buffer_.index());
    ar(kind);
    ar.check(kind == self.buffer_.index(), "kind of buffer (saved: another one)");
    std::visit(
        [&](auto& buffer) {
          if constexpr (is_buffer<decltype(buffer)>) ar(buffer);
        },
        self.buffer_);
  }

 private:
  template <class T>
  static constexpr bool is_buffer = !std::same_as<std::remove_cvref_t<T>, std::monostate>;

  template <class T>
  static constexpr bool draws_by_loss = std::same_as<std::remove_cvref_t<T>, PrioritizedBuffer>;

  template <class Action>
  void visit(Action action) {
    std::visit(
        [&](auto& buffer) {
          if constexpr (is_buffer<decltype(buffer)>) action(buffer);
        },
        buffer_);
  }

  template <class Answer, class Question>
  Answer ask(Answer of_none, Question question) const noexcept {
    return std::visit(
        [&](const auto& buffer) -> Answer {
          if constexpr (is_buffer<decltype(buffer)>) {
            return question(buffer);
          } else {
            return of_none;
          }
        },
        buffer_);
  }

  std::variant<std::monostate, ReservoirBuffer, ClassBalancedBuffer, SlidingWindow, PrioritizedBuffer, DecayedBuffer, HerdingBuffer>
      buffer_;
};

/// A uniform sample of `capacity` from all that was seen.
inline ReplayBuffer reservoir(std::size_t capacity, std::uint64_t seed = 0) {
  return ReservoirBuffer({.capacity = capacity, .seed = seed});
}

/// A sample of `capacity` with as many of each class as there are.
inline ReplayBuffer class_balanced(std::size_t capacity, std::uint64_t seed = 0) {
  return ClassBalancedBuffer({.capacity = capacity, .seed = seed});
}

/// The last `rows`.
inline ReplayBuffer sliding(std::size_t rows) { return SlidingWindow({.capacity = rows}); }

/// What happened in the last `span` of event time, `max_rows` of it at most.
inline ReplayBuffer sliding(Duration span, std::size_t max_rows) { return SlidingWindow({.capacity = max_rows, .span = span}); }

/// A uniform sample of `capacity`, of which those that the learner gets wrong are learned more often.
inline ReplayBuffer prioritized(std::size_t capacity, std::uint64_t seed = 0) {
  return PrioritizedBuffer({.capacity = capacity, .seed = seed});
}

/// A sample of `capacity` in which what is older by `half_life` of event time is half as likely.
inline ReplayBuffer decayed(Duration half_life, std::size_t capacity, std::uint64_t seed = 0) {
  return DecayedBuffer({.capacity = capacity, .half_life = half_life, .seed = seed});
}

/// As many of each class as there are, chosen so that their mean is the class's.
inline ReplayBuffer herding(std::size_t capacity, std::uint64_t seed = 0) { return HerdingBuffer({.capacity = capacity, .seed = seed}); }

}  // namespace rtml
