#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "rtml/core/error.hpp"

namespace rtml {

namespace detail {

inline constexpr std::size_t reader_stripes = 16;

/// Threads take the stripes in turn. Only speed depends on it: two threads may share one.
inline std::size_t reader_stripe() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % reader_stripes;
  return mine;
}

}  // namespace detail

/// The model that is served: any number of threads read a consistent snapshot while one writer replaces it.
///
/// Thread safety: `read` from any thread, at any time, two atomic additions on a cache line that threads rarely share; it never waits
/// for the writer or for other readers. Threads need no registration. `publish`, `reclaim` and `memory_bytes` belong to one writer at a
/// time, who never waits for readers; `retired` and `version` may be asked from anywhere. No guard may outlive the object.
///
/// A guard pins the one version that it shows, however long it is held, and no other. So a writer that takes the version to make next from
/// `reclaim`, or calls `reclaim().reset()` before it builds another, never has more than guards held then + 2 versions in memory, and there
/// are never more than `capacity`. Old versions are destroyed by the writer, never by a reader: what readers leave stays until `publish` or
/// `reclaim`.
///
/// A thread never sees an older version after a newer one, and what it reads after `publish` has returned is the new one. While
/// `publish` runs, one thread may already see the new version when another still takes the old one.
///
/// How: each stripe has one word {arrivals, index of the version}. A reader adds 1 to the arrivals of its stripe and learns from the same
/// atomic step which version it arrived at; leaving, it adds 1 to the departures of that version on that stripe. The writer exchanges
/// the word of every stripe and keeps the arrivals that it took out. The word has one modification order, so each arrival is counted for
/// exactly the version that its reader was given, and a retired version whose departures equal its arrivals on every stripe has no
/// reader, nor can it get one again.
///  - What the writer wrote into a version happens before its exchange (release), which a reader's addition reads from (acquire),
///    other readers' additions in between being part of the release sequence.
///  - What readers did with a version happens before their departures (release), and the writer reads the last of them (acquire)
///    before it destroys or hands out the version.
template <class M>
class Published {
 public:
  /// How many versions there may be at once: the current one and those that readers still hold.
  static constexpr std::size_t capacity = 32;

  /// Shows one version as long as it lives. Movable, also to another thread; keep it short-lived, for it keeps memory.
  class Guard {
   public:
    Guard(Guard&& other) noexcept : model_(other.model_), version_(other.version_), departed_(std::exchange(other.departed_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      if (this == &other) return *this;
      leave();
      model_ = other.model_;
      version_ = other.version_;
      departed_ = std::exchange(other.departed_, nullptr);
      return *this;
    }
    ~Guard() { leave(); }

    const M& operator*() const noexcept { return *model_; }
    const M* operator->() const noexcept { return model_; }

    /// Number of the version shown.
    std::uint64_t version() const noexcept { return version_; }

   private:
    friend Published;
    Guard(const M* model, std::uint64_t version, std::atomic<std::uint64_t>& departed) noexcept
        : model_(model), version_(version), departed_(&departed) {}

    void leave() noexcept {
      if (departed_ != nullptr) departed_->fetch_add(1, std::memory_order_release);
    }

    const M* model_;
    std::uint64_t version_;
    std::atomic<std::uint64_t>* departed_;
  };

  /// @throws ConfigError when `first` is null.
  explicit Published(std::unique_ptr<M> first) {
    require("Published", "first", "null", first != nullptr, "a model");
    slots_[0] = {std::move(first), 1};
  }

  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() = default;

  /// The current version. Wait-free where fetch_add is (x86-64, AArch64 with LSE); a thread may hold several guards.
  Guard read() const noexcept {
    Stripe& stripe = stripes_[detail::reader_stripe()];
    const std::uint64_t word = stripe.arrived.fetch_add(one_arrival, std::memory_order_acquire);
    const std::size_t index = word % one_arrival;
    return Guard(slots_[index].model.get(), slots_[index].version, stripe.departed[index]);
  }

  /// Makes `next` the current version. Destroys all old ones that no reader can see any more, but the newest of them: `reclaim` hands it
  /// out. Returns false, and leaves `next` with the caller, when readers hold `capacity - 1` old versions: keep learning into it and
  /// publish later.
  /// @pre next != nullptr
  bool publish(std::unique_ptr<M>&& next) noexcept {
    std::size_t index = free_slot();
    if (index == capacity) {
      reclaim().reset();
      index = free_slot();
    }
    if (index == capacity) return false;

    slots_[index] = {std::move(next), version() + 1};
    for (std::size_t s = 0; s < stripes_.size(); ++s) {
      const std::uint64_t word = stripes_[s].arrived.exchange(index, std::memory_order_acq_rel);
      arrived_[current_][s] += word / one_arrival;
    }
    current_ = index;
    version_.fetch_add(1, std::memory_order_relaxed);
    retired_.fetch_add(1, std::memory_order_relaxed);

    keep_one_unseen();
    return true;
  }

  /// The newest old version that no reader can see any more, for the writer to bring up to date and publish again instead of allocating;
  /// nullptr when there is none. Destroys the others.
  std::unique_ptr<M> reclaim() noexcept {
    const std::size_t index = keep_one_unseen();
    return index == capacity ? nullptr : take(index);
  }

  /// How many old versions are still here. A writer that wants fewer copies publishes less often while this is high.
  std::size_t retired() const noexcept { return retired_.load(std::memory_order_relaxed); }

  /// 1 for the first version, one more with every `publish`.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_relaxed); }

  /// All versions included.
  std::size_t memory_bytes() const noexcept requires requires(const M& model) { model.memory_bytes(); }
  {
    std::size_t bytes = sizeof(*this);
    for (const Slot& slot : slots_)
      if (slot.model) bytes += slot.model->memory_bytes();
    return bytes;
  }

 private:
  static constexpr std::uint64_t one_arrival = capacity;  // above the index: 2^59 reads between two publishes would take years

  struct Slot {
    std::unique_ptr<M> model;
    std::uint64_t version = 0;
  };

  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> arrived{0};  // since the current version became current, times one_arrival, plus its index
    std::array<std::atomic<std::uint64_t>, capacity> departed{};
  };

  std::size_t free_slot() const noexcept {
    std::size_t index = 0;
    while (index < capacity && slots_[index].model != nullptr) ++index;
    return index;
  }

  bool is_unseen(std::size_t index) const noexcept {
    if (index == current_ || slots_[index].model == nullptr) return false;
    for (std::size_t s = 0; s < stripes_.size(); ++s)
      if (stripes_[s].departed[index].load(std::memory_order_acquire) != arrived_[index][s]) return false;
    return true;
  }

  std::size_t newest_unseen() const noexcept {
    std::size_t newest = capacity;
    for (std::size_t i = 0; i < capacity; ++i)
      if (is_unseen(i) && (newest == capacity || slots_[i].version > slots_[newest].version)) newest = i;
    return newest;
  }

  /// The newest, whose place is returned, or capacity.
  std::size_t keep_one_unseen() noexcept {
    const std::size_t kept = newest_unseen();
    for (std::size_t i = 0; i < capacity; ++i)
      if (i != kept && is_unseen(i)) take(i).reset();
    return kept;
  }

  std::unique_ptr<M> take(std::size_t index) noexcept {
    retired_.fetch_sub(1, std::memory_order_relaxed);
    return std::move(slots_[index].model);
  }

  mutable std::array<Stripe, detail::reader_stripes> stripes_{};
  std::array<Slot, capacity> slots_{};

  // The writer's alone.
  std::array<std::array<std::uint64_t, detail::reader_stripes>, capacity> arrived_{};  // in total, at each slot on each stripe
  std::size_t current_ = 0;

  std::atomic<std::size_t> retired_{0};
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace rtml
