#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/detail/catching_up.hpp"
#include "rtml/serve/published.hpp"

namespace rtml {

/// A model that learns while it serves: one thread learns into a private copy, any number of threads predict from the last snapshot, which
/// is published every so many updates or after some time. What is served is, to the bit, the learner as it was after some update.
///
///     Snapshots model(std::move(logistic), {.every = 1000, .interval = 50ms});     // bound before
///     model.learn(x, y);                                                           // one thread
///     float p = model.predict(x);                                                  // any thread
///
/// To publish, the private copy becomes the served one, and the one that readers leave is brought up to date from it: linear learners
/// by copying the cells of the hashed table that were touched since (16 bytes each; pages or whole tables would be a hundred times as
/// many bytes), others by learning once more what the newer one learned. Predicting goes through no indirection. There are two copies,
/// and one more for each of at most two older ones that readers hold for long; while they hold two, a publish is put off and counted.
/// With `Shared` (shared.hpp) readers see the newest weights instead, of linear learners, in the middle of an update perhaps.
///
/// Cost: learn as the learner's, and noting what it touches; a publish O(what was learned since). Learning allocates only where the notes
/// grow.
/// Thread safety: `predict`, `read`, `updates_behind`, `age` and counters from any thread; everything else belongs to the one that learns.
template <class Learner>
requires ScalarLearner<Learner> || ClassLearner<Learner>
class Snapshots {
  using Journal = std::conditional_t<detail::CopiesCells<Learner>, detail::CellJournal<Learner>, detail::ExampleJournal<Learner>>;

  struct Version {
    Learner learner;
    std::uint64_t place = 0;  // in the journal
    std::uint64_t updates = 0;

    std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(Learner) + learner.memory_bytes(); }
  };

 public:
  using Label = detail::LabelOf<Learner>;

  struct Options {
    std::uint64_t every = 1000;                          ///< updates; >= 1
    Duration interval = std::chrono::milliseconds(100);  ///< since the last publish; 0 = never by time. Looked at every 16 updates
    Clock clock = system_now;                            ///< called from the thread that learns, and by age() from any
  };

  /// One snapshot, as long as it lives; short-lived, for it keeps a copy of the model.
  class Guard {
   public:
    const Learner& operator*() const noexcept { return guard_->learner; }
    const Learner* operator->() const noexcept { return &guard_->learner; }
    std::uint64_t updates() const noexcept { return guard_->updates; }  ///< that it had learned

   private:
    friend Snapshots;
    explicit Guard(typename Published<Version>::Guard guard) noexcept : guard_(std::move(guard)) {}
    typename Published<Version>::Guard guard_;
  };

  explicit Snapshots(Learner learner) : Snapshots(std::move(learner), Options{}) {}

  /// @throws ConfigError when an option is outside its range.
  Snapshots(Learner learner, Options options)
      : options_(std::move(options)),
        journal_(learner),
        working_(std::make_unique<Version>(Version{learner})),
        served_(std::make_unique<Version>(Version{std::move(learner)})),
        next_try_(options_.every) {
    require("Snapshots", "every", options_.every, options_.every >= 1, "at least 1");
    require("Snapshots", "interval", options_.interval.count(), options_.interval >= Duration::zero(), "not negative");
    require("Snapshots", "clock", "empty", static_cast<bool>(options_.clock), "a clock");
    published_at_.store(to_unix_micros(options_.clock()), std::memory_order_relaxed);
  }

  Guard read() const noexcept { return Guard(served_.read()); }

  float predict(const Features& x) const noexcept requires ScalarLearner<Learner> { return read()->predict(x); }
  float predict(const Features& x, const Context& context) const noexcept requires requires(const Learner& model) {
    model.predict(x, context);
  }
  { return read()->predict(x, context); }

  /// As the learner's: returns what the newest weights would have said just before. Publishes when it is time.
  auto learn(const Features& x, Label y, float weight = 1.0F, const Context& context = {}) {
    if (!working_) follow();  // there was no memory for it when the last one was published
    journal_.note(working_->learner, x, y, weight, context);
    const auto before = detail::teach(working_->learner, x, y, weight, context);
    const std::uint64_t updates = updates_.load(std::memory_order_relaxed) + 1;
    updates_.store(updates, std::memory_order_relaxed);
    if (updates >= next_try_ || (updates % 16 == 0 && is_late())) publish();
    return before;
  }

  /// For who may not learn for a while: publishes when `interval` has passed.
  void publish_if_due() {
    if (is_late()) publish();
  }

  /// Now. False when readers hold two older copies: what was learned goes out with the next one. When there is no memory for a third or
  /// fourth copy it throws std::bad_alloc, and what was learned is served; learning tries again.
  bool publish() {
    next_try_ = updates() + std::min(options_.every, ~updates());  // which may be as far as there are numbers
    if (updates_behind() == 0) return true;
    if (served_.retired() == most_held) served_.reclaim().reset();
    if (served_.retired() == most_held) {
      coalesced_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    const std::int64_t now = to_unix_micros(options_.clock());
    working_->place = journal_.end();
    working_->updates = updates();
    newest_ = working_.get();
    served_.publish(std::move(working_));
    published_updates_.store(newest_->updates, std::memory_order_relaxed);
    published_at_.store(now, std::memory_order_relaxed);
    follow();
    return true;
  }

  /// What was learned; for the thread that learns, to save.
  const Learner& learner() const noexcept { return working_ ? working_->learner : newest_->learner; }

  std::uint64_t updates() const noexcept { return updates_.load(std::memory_order_relaxed); }

  /// How many updates the served snapshot has not seen.
  std::uint64_t updates_behind() const noexcept {
    const std::uint64_t published = published_updates_.load(std::memory_order_relaxed);
    return std::max(updates(), published) - published;
  }

  /// Since the last publish.
  Duration age() const { return Duration(to_unix_micros(options_.clock()) - published_at_.load(std::memory_order_relaxed)); }

  std::uint64_t published() const noexcept { return served_.version() - 1; }
  std::uint64_t coalesced() const noexcept { return coalesced_.load(std::memory_order_relaxed); }  ///< publishes that were put off

  /// Copies of the model that there are: 2 to 4.
  std::size_t copies() const noexcept { return 2 + served_.retired(); }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(served_) + served_.memory_bytes() + (working_ ? working_->memory_bytes() : 0) + journal_.memory_bytes();
  }

 private:
  static constexpr std::size_t most_held = 2;  // older copies

  bool is_late() const { return options_.interval > Duration::zero() && age() >= options_.interval; }

  /// Makes the copy that learns on, from one that readers left or a new one, equal to what is served.
  void follow() {
    std::unique_ptr<Version> next = left_by_readers();
    if (!next) {
      next = std::make_unique<Version>(*newest_);
    } else if (next->place < journal_.begin()) {
      *next = *newest_;
    } else {
      journal_.follow(next->learner, newest_->learner, next->place);
    }
    served_.reclaim().reset();  // a copy more than needed, once nobody reads it
    journal_.trim(served_.retired() > 0 ? place_ : newest_->place);
    place_ = newest_->place;
    working_ = std::move(next);
  }

  /// The version that was just replaced: a request that is still in it leaves within microseconds, unless its thread lost the processor.
  std::unique_ptr<Version> left_by_readers() {
    for (int i = 0; i < 256; ++i) {
      if (auto left = served_.reclaim()) return left;
      if (i % 64 == 63) std::this_thread::yield();
    }
    return nullptr;
  }

  Options options_;
  Journal journal_;
  std::unique_ptr<Version> working_;
  Published<Version> served_;
  const Version* newest_ = nullptr;  // of what was published, and is served
  std::uint64_t place_ = 0;          // in the journal, of what is served
  std::uint64_t next_try_;
  std::atomic<std::uint64_t> updates_{0};
  std::atomic<std::uint64_t> published_updates_{0};
  std::atomic<std::int64_t> published_at_{0};
  std::atomic<std::uint64_t> coalesced_{0};
};

}  // namespace rtml
