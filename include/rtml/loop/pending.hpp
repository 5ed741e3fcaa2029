#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "rtml/core/event_id.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/monitor/segment_name.hpp"

namespace rtml::detail {

/// The last `capacity` predictions with the features that were served, by id: what a label is learned from, and what a repeated request is
/// answered with. One ring in the order of serving, so its bound is exact and the oldest make room; an index finds an id.
///
/// All memory is taken at construction. Any number of threads `claim`, `find` and `visit`; each holds a row's lock only to write or copy
/// it.
class PendingRing {
 public:
  struct Shape {
    std::size_t capacity = 0;
    std::size_t dense = 0;       ///< floats of one row
    std::size_t fit_inputs = 0;  ///< floats that fitted transforms saw
    std::size_t models = 0;      ///< that may answer one request
    std::size_t outputs = 0;     ///< scores of one model
    std::size_t sparse = 0;      ///< most sparse features of one row
    bool segments = false;       ///< rows know their segment
  };

  /// `cold`: served before anything was learned, so that it says nothing of the model. `compared`: the shadows answered it too.
  /// `negative`: learned as one, for want of a label. `positive`: its label is 1, of a binary task.
  enum Flag : std::uint32_t { labelled = 1, refused = 2, cold = 4, compared = 8, negative = 16, positive = 32 };

  struct alignas(64) Header {
    SpinLock lock;
    std::uint32_t flags = 0;
    EventId id;
    std::uint64_t sequence = none;  ///< which prediction this is; `none` = empty
    Time at{};
    std::uint32_t nnz = 0;
    std::uint32_t arm = 0;
    std::uint32_t version = 0;
    float threshold = 0.5F;
    std::uint64_t generation = 0;  ///< of the models that served it
  };
  static_assert(sizeof(Header) == 64);

  static constexpr std::uint64_t none = ~std::uint64_t{0};
  static constexpr std::size_t most_models = 64;

  /// The capacity is rounded up to a power of two.
  explicit PendingRing(Shape shape)
      : shape_(rounded(shape)),
        stride_(shape.dense + shape.fit_inputs + shape.models * shape.outputs),
        headers_(std::make_unique<Header[]>(shape_.capacity)),
        values_(shape_.capacity * stride_),
        sparse_(shape_.capacity * shape.sparse),
        segments_(shape.segments ? shape_.capacity : 0) {
    // Twice the rows and spread by a hash: a stripe would have to hold twice its share before it could fill.
    const std::size_t cells = std::max<std::size_t>(2 * shape_.capacity, 16 * stripes);
    for (Stripe& stripe : stripes_) stripe.cells.resize(cells / stripes * 2);
  }

  const Shape& shape() const noexcept { return shape_; }

  /// Brings the row that will be claimed next into the cache: rows lie cold by the time that the ring comes round to them.
  void prefetch_next() const noexcept {
    const std::uint64_t sequence = next_.load(std::memory_order_relaxed);
    const std::size_t at = slot(sequence);
    __builtin_prefetch(&headers_[at], 1);
    const char* begin = reinterpret_cast<const char*>(values_.data() + at * stride_);
    for (std::size_t byte = 0; byte < stride_ * sizeof(float); byte += 64) __builtin_prefetch(begin + byte, 1);
    if (shape_.sparse != 0) __builtin_prefetch(sparse_.data() + at * shape_.sparse, 1);
  }

  /// Predictions so far; the next one's sequence number.
  std::uint64_t next() const noexcept { return next_.load(std::memory_order_acquire); }

  /// Where an id's prediction is, while it is kept.
  std::optional<std::uint64_t> find(EventId id) const noexcept {
    const Stripe& stripe = stripe_of(id);
    const std::lock_guard guard(stripe.lock);
    const std::size_t cell = stripe.find(id);
    if (cell == Stripe::nowhere) return std::nullopt;
    return stripe.cells[cell].sequence;
  }

  /// Takes the next row for `id`, which is not there yet, and locks it: fill it, then `release`. `evicted` says that an unlabelled
  /// prediction had to make room.
  std::uint64_t claim(EventId id, Time at, bool& evicted) noexcept {
    std::uint64_t sequence = next_.fetch_add(1, std::memory_order_acq_rel);
    at_slot(sequence).lock.lock();
    while (at_slot(sequence).sequence != none &&
           at_slot(sequence).sequence > sequence) {  // a whole ring went by since the number was drawn
      at_slot(sequence).lock.unlock();
      sequence = next_.fetch_add(1, std::memory_order_acq_rel);
      at_slot(sequence).lock.lock();
    }
    Header& header = at_slot(sequence);
    evicted = header.sequence != none && (header.flags & (labelled | negative)) == 0;
    if (header.sequence != none) erase(header.id, header.sequence);
    header.flags = 0;
    header.id = id;
    header.sequence = sequence;
    header.at = Watermark::limited(at);
    header.nnz = 0;
    insert(id, sequence);
    return sequence;
  }

  void release(std::uint64_t sequence) noexcept { at_slot(sequence).lock.unlock(); }

  enum class Held : std::uint8_t {
    yes,    ///< locked for the caller, who releases it
    early,  ///< its number is drawn, its row is not there yet
    gone,   ///< it made room for another
  };

  /// Locks the row for reading or changing it.
  Held hold(std::uint64_t sequence) noexcept {
    Header& header = at_slot(sequence);
    header.lock.lock();
    if (header.sequence == sequence) return Held::yes;
    const Held held = header.sequence == none || header.sequence < sequence ? Held::early : Held::gone;
    header.lock.unlock();
    return held;
  }

  // Of a row that the caller holds.
  Header& header(std::uint64_t sequence) noexcept { return at_slot(sequence); }
  std::span<float> dense(std::uint64_t sequence) noexcept { return {row(sequence), shape_.dense}; }
  std::span<float> fit_inputs(std::uint64_t sequence) noexcept { return {row(sequence) + shape_.dense, shape_.fit_inputs}; }
  std::span<float> scores(std::uint64_t sequence) noexcept {
    return {row(sequence) + shape_.dense + shape_.fit_inputs, shape_.models * shape_.outputs};
  }
  std::span<SparseFeature> sparse(std::uint64_t sequence) noexcept {
    return {sparse_.data() + slot(sequence) * shape_.sparse, shape_.sparse};
  }
  /// @pre shape().segments
  monitor::SegmentName& segment(std::uint64_t sequence) noexcept { return segments_[slot(sequence)]; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + shape_.capacity * sizeof(Header) + values_.capacity() * sizeof(float) +
                        sparse_.capacity() * sizeof(SparseFeature) + segments_.capacity() * sizeof(monitor::SegmentName);
    for (const Stripe& stripe : stripes_) bytes += stripe.cells.capacity() * sizeof(Cell);
    return bytes;
  }

  /// While nobody claims: the rows that are kept, oldest first.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("PendingRing", 3);
    Shape shape = self.shape_;
    ar(shape.dense, shape.fit_inputs, shape.models, shape.outputs, shape.sparse);
    ar.check(shape.dense == self.shape_.dense && shape.fit_inputs == self.shape_.fit_inputs && shape.outputs == self.shape_.outputs &&
                 shape.sparse == self.shape_.sparse && shape.models >= 1 && shape.models <= most_models,
             "row shape");
    bool segments = self.shape_.segments;  // a ring without them passes over those that were saved, one with them begins with none
    if (version >= 2) {
      ar(segments);
    } else {
      segments = false;
    }
    std::uint64_t next = self.next();
    std::uint64_t first = self.first_kept();
    ar(next, first);
    ar.check(first <= next, "sequence numbers");
    if constexpr (Ar::reading) self.clear(next);
    for (std::uint64_t sequence = first; sequence < next; ++sequence) archive_row(self, ar, sequence, shape.models, segments);
  }

 private:
  static constexpr std::size_t stripes = 16;

  static std::uint64_t group_hash(EventId id) noexcept { return EventId(id.partition, id.offset >> 2U).hash(); }

  struct Cell {
    EventId id;
    std::uint64_t sequence = none;
  };

  /// Open addressing with linear probing and backward-shift deletion.
  struct Stripe {
    static constexpr std::size_t nowhere = ~std::size_t{0};

    mutable SpinLock lock;
    std::vector<Cell> cells;
    std::size_t used = 0;

    /// Ids are mostly asked in the order of their offsets: four neighbours lie beside each other, and so in one or two cache lines.
    std::size_t home(EventId id) const noexcept {
      return static_cast<std::size_t>((group_hash(id) >> 8U << 2U) + (id.offset & 3U)) & (cells.size() - 1);
    }

    std::size_t find(EventId id) const noexcept {
      for (std::size_t i = home(id);; i = (i + 1) & (cells.size() - 1)) {
        if (cells[i].sequence == none) return nowhere;
        if (cells[i].id == id) return i;
      }
    }

    bool insert(EventId id, std::uint64_t sequence) noexcept {
      if (used + 1 >= cells.size()) return false;  // one empty cell ends every probe
      std::size_t i = home(id);
      while (cells[i].sequence != none) i = (i + 1) & (cells.size() - 1);
      cells[i] = {id, sequence};
      ++used;
      return true;
    }

    void erase(std::size_t hole) noexcept {
      const std::size_t mask = cells.size() - 1;
      for (std::size_t i = (hole + 1) & mask; cells[i].sequence != none; i = (i + 1) & mask) {
        const std::size_t wanted = home(cells[i].id);
        if (((i - wanted) & mask) < ((i - hole) & mask)) continue;  // it lies between its home and the hole: stays
        cells[hole] = cells[i];
        hole = i;
      }
      cells[hole] = {};
      --used;
    }
  };

  std::size_t slot(std::uint64_t sequence) const noexcept { return static_cast<std::size_t>(sequence & (shape_.capacity - 1)); }
  static Shape rounded(Shape shape) noexcept {
    shape.capacity = std::bit_ceil(std::max<std::size_t>(shape.capacity, 1));
    return shape;
  }
  Header& at_slot(std::uint64_t sequence) noexcept { return headers_[slot(sequence)]; }
  const Header& at_slot(std::uint64_t sequence) const noexcept { return headers_[slot(sequence)]; }
  float* row(std::uint64_t sequence) noexcept { return values_.data() + slot(sequence) * stride_; }

  const Stripe& stripe_of(EventId id) const noexcept { return stripes_[group_hash(id) % stripes]; }
  Stripe& stripe_of(EventId id) noexcept { return stripes_[group_hash(id) % stripes]; }

  void insert(EventId id, std::uint64_t sequence) noexcept {
    Stripe& stripe = stripe_of(id);
    const std::lock_guard guard(stripe.lock);
    stripe.insert(id, sequence);
  }

  void erase(EventId id, std::uint64_t sequence) noexcept {
    Stripe& stripe = stripe_of(id);
    const std::lock_guard guard(stripe.lock);
    const std::size_t cell = stripe.find(id);
    if (cell != Stripe::nowhere && stripe.cells[cell].sequence == sequence) stripe.erase(cell);
  }

  std::uint64_t first_kept() const noexcept {
    const std::uint64_t end = next();
    return end > shape_.capacity ? end - shape_.capacity : 0;
  }

  void clear(std::uint64_t next) {
    for (std::size_t i = 0; i < shape_.capacity; ++i) headers_[i].sequence = none;
    for (Stripe& stripe : stripes_) {
      std::fill(stripe.cells.begin(), stripe.cells.end(), Cell{});
      stripe.used = 0;
    }
    next_.store(next, std::memory_order_release);
  }

  /// A ring of another capacity keeps the newest that it can hold, so every row is read, and the last to come to a slot stays.
  template <class Self, class Ar>
  static void archive_row(Self& self, Ar& ar, std::uint64_t sequence, std::size_t models, bool segments) {
    if constexpr (Ar::reading) {
      Header& header = self.at_slot(sequence);
      if (header.sequence != none) self.erase(header.id, header.sequence);
      header.sequence = none;
    }
    auto& header = self.headers_[self.slot(sequence)];
    bool present = header.sequence == sequence;
    ar(present);
    if (!present) return;
    ar(header.flags, header.id, header.at, header.nnz, header.arm, header.version, header.threshold);
    ar.check(header.nnz <= self.shape_.sparse, "sparse features of a row");
    ar.check(header.arm < std::min(models, self.shape_.models), "arm of a row");
    ar.check(header.flags <= (labelled | refused | cold | compared | negative | positive), "flags of a row");
    ar.check(Watermark::limited(header.at) == header.at, "time of a row");
    // Those of a ring with more models are passed over, of one with fewer the rest is not known.
    const auto values = std::span(self.values_).subspan(self.slot(sequence) * self.stride_, self.stride_);
    const std::size_t scores = std::min(models, self.shape_.models) * self.shape_.outputs;
    const std::size_t held = self.shape_.dense + self.shape_.fit_inputs + scores;
    ar.values(values.first(held));
    if constexpr (Ar::reading) {
      std::fill(values.begin() + static_cast<std::ptrdiff_t>(held), values.end(), 0.0F);
      ar.raw((models * self.shape_.outputs - scores) * sizeof(float));
    }
    auto* sparse = self.sparse_.data() + self.slot(sequence) * self.shape_.sparse;
    for (std::size_t i = 0; i < header.nnz; ++i) ar(sparse[i].index, sparse[i].value);
    monitor::SegmentName segment = self.shape_.segments ? self.segments_[self.slot(sequence)] : monitor::SegmentName();
    if (segments) ar(segment);
    if constexpr (Ar::reading) {
      if (self.shape_.segments) self.segments_[self.slot(sequence)] = segments ? segment : monitor::SegmentName();
      ar.check(!self.find(header.id).has_value(), "an id that is served once");
      header.sequence = sequence;
      self.insert(header.id, sequence);
    }
  }

  Shape shape_;
  std::size_t stride_;
  std::unique_ptr<Header[]> headers_;
  std::vector<float> values_;
  std::vector<SparseFeature> sparse_;
  std::vector<monitor::SegmentName> segments_;  // [capacity], where rows know them
  std::array<Stripe, stripes> stripes_;
  alignas(64) std::atomic<std::uint64_t> next_{0};
};

}  // namespace rtml::detail
