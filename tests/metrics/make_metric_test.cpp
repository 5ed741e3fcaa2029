#include "rtml/metrics/make_metric.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "metrics/outcomes.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/metrics/signals.hpp"
#include "support/catch.hpp"

using rtml::Outcome;
using rtml::Task;
using rtml::metrics::AnyMetric;
using rtml::metrics::make_metric;
using rtml::metrics::metrics_of;
using rtml::metrics::Window;
using rtml::testing::made_outcomes;

static_assert(rtml::Metric<AnyMetric> && rtml::Sized<AnyMetric>);

namespace {

constexpr Task every_task[] = {Task::binary, Task::classes, Task::regression};

double value_over(AnyMetric metric, const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) metric.update(outcome);
  return metric.value();
}

bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

}  // namespace

TEST_CASE("a windowed metric is that of its last n outcomes alone", "[metrics][property]") {
  const auto seed = GENERATE(range(1u, 6u));
  for (const std::size_t window : {1u, 7u, 64u, 100u, 128u, 200u})
    for (const Task task : every_task)
      for (const std::string_view name : metrics_of(task)) {
        auto windowed = make_metric(name, Window::last(window), task, 4);
        const auto outcomes = made_outcomes(task, seed, 450);
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
          windowed.update(outcomes[i]);
          if (i % 37 != 0 && i + 1 != outcomes.size()) continue;
          const std::size_t from = i + 1 > window ? i + 1 - window : 0;
          const std::vector<Outcome> last(outcomes.begin() + static_cast<std::ptrdiff_t>(from),
                                          outcomes.begin() + static_cast<std::ptrdiff_t>(i + 1));
          // Of rankings a window of all that there is: exact, where the whole stream is binned.
          const double expected =
              value_over(name == "roc_auc" || name == "average_precision" ? make_metric(name, Window::last(1000), task, 4)
                                                                          : make_metric(name, Window::whole(), task, 4),
                         last);
          CAPTURE(name, window, i, expected, windowed.value());
          CHECK(
              (rtml::is_nan(expected) ? rtml::is_nan(windowed.value()) : windowed.value() == Approx(expected).epsilon(1e-9).margin(1e-12)));
        }
        CHECK(windowed.count() == outcomes.size());
      }
}

TEST_CASE("a fading metric weighs an outcome by the factor to the power of its age", "[metrics][property]") {
  for (const double factor : {0.5, 0.99, 0.9})
    for (const Task task : every_task)
      for (const std::string_view name : metrics_of(task)) {
        const auto outcomes = made_outcomes(task, 11, 60);
        auto by_hand = make_metric(name, Window::whole(), task, 4);
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
          Outcome outcome = outcomes[i];
          outcome.weight *= static_cast<float>(std::pow(factor, static_cast<double>(outcomes.size() - 1 - i)));
          by_hand.update(outcome);
        }
        CAPTURE(name, factor);
        CHECK(value_over(make_metric(name, Window::fading(factor), task, 4), outcomes) == Approx(by_hand.value()).epsilon(1e-5));
      }
}

TEST_CASE("a fading metric stays defined however long the stream is", "[metrics]") {
  auto accuracy = make_metric("accuracy", Window::fading(0.5));
  for (int i = 0; i < 5000; ++i) accuracy.update(Outcome::binary(0.9F, i < 4998 ? 1.0F : 0.0F));
  CHECK(accuracy.value() == Approx(0.25));  // the last two, wrong, weigh 1 and 1/2 of 2
}

TEST_CASE("an outcome of weight w counts as w outcomes", "[metrics][metamorphic]") {
  for (const Task task : every_task)
    for (const std::string_view name : metrics_of(task)) {
      auto once = make_metric(name, Window::whole(), task, 4);
      auto often = make_metric(name, Window::whole(), task, 4);
      for (Outcome outcome : made_outcomes(task, 5, 80)) {
        outcome.weight = outcome.weight > 1.0F ? 3.0F : 1.0F;
        once.update(outcome);
        const int times = static_cast<int>(outcome.weight);
        outcome.weight = 1.0F;
        for (int i = 0; i < times; ++i) often.update(outcome);
      }
      CAPTURE(name);
      CHECK(once.value() == Approx(often.value()).epsilon(1e-12));
    }
}

TEST_CASE("a metric is NaN before the first outcome and after reset", "[metrics]") {
  for (const Window window : {Window::whole(), Window::last(10), Window::fading(0.9)})
    for (const Task task : every_task)
      for (const std::string_view name : metrics_of(task)) {
        auto metric = make_metric(name, window, task, 4);
        CHECK(rtml::is_nan(metric.value()));
        const auto outcomes = made_outcomes(task, 2, 100);
        const double first = value_over(metric, outcomes);
        for (const Outcome& outcome : outcomes) metric.update(outcome);
        metric.reset();
        CAPTURE(name);
        CHECK(rtml::is_nan(metric.value()));
        CHECK(metric.count() == 0);
        CHECK(same_bits(value_over(metric, outcomes), first));
      }
}

TEST_CASE("a metric ignores and counts what is not finite or not of its task", "[metrics][bad input]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinite = std::numeric_limits<float>::infinity();
  for (const Window window : {Window::whole(), Window::last(50), Window::fading(0.9)})
    for (const Task task : every_task)
      for (const std::string_view name : metrics_of(task)) {
        auto clean = make_metric(name, window, task, 4);
        auto hit = clean;
        for (const Outcome& outcome : made_outcomes(task, 3, 70)) {
          clean.update(outcome);
          for (const float bad : {nan, infinite, -infinite, 1e16F}) {
            hit.update({bad, outcome.predicted, outcome.actual, 1.0F});
            hit.update({outcome.score, bad, outcome.actual, 1.0F});
            hit.update({outcome.score, outcome.predicted, bad, 1.0F});
            hit.update({outcome.score, outcome.predicted, outcome.actual, bad});
          }
          hit.update({outcome.score, outcome.predicted, outcome.actual, -1.0F});
          hit.update({outcome.score, outcome.predicted, outcome.actual, 0.0F});  // does nothing, and is no fault
          hit.update(outcome);
        }
        CAPTURE(name);
        CHECK(same_bits(hit.value(), clean.value()));
        CHECK(hit.refused() == 70 * 17);
        CHECK(hit.count() == 70);
      }
  for (const std::string_view name :
       {"precision", "recall", "f1", "false_positive_rate", "roc_auc", "average_precision", "log_loss", "kappa"}) {
    auto metric = make_metric(name);
    metric.update({0.5F, 1.0F, 2.0F, 1.0F});
    metric.update({0.5F, 1.0F, 0.5F, 1.0F});
    metric.update({0.5F, 1.0F, -1.0F, 1.0F});
    CAPTURE(name);
    CHECK(metric.refused() == 3);
  }
}

TEST_CASE("a metric saved and loaded goes on bit for bit", "[metrics][archive]") {
  for (const Window window : {Window::whole(), Window::last(100), Window::fading(0.97)})
    for (const Task task : every_task)
      for (const std::string_view name : metrics_of(task))
        for (const std::size_t cut : {0u, 40u, 130u, 256u}) {
          const auto outcomes = made_outcomes(task, 8, 300);
          auto metric = make_metric(name, window, task, 4);
          for (std::size_t i = 0; i < cut; ++i) metric.update(outcomes[i]);
          auto restored = make_metric(name, window, task, 4);
          rtml::load(restored, rtml::save(metric));
          for (std::size_t i = cut; i < outcomes.size(); ++i) {
            metric.update(outcomes[i]);
            restored.update(outcomes[i]);
          }
          CAPTURE(name, cut);
          CHECK(same_bits(metric.value(), restored.value()));
          CHECK(restored.count() == metric.count());
          CHECK(rtml::save(restored) == rtml::save(metric));
        }
}

TEST_CASE("a damaged archive of a metric is refused or gives a metric that works", "[metrics][archive][bad input]") {
  for (const Window window : {Window::whole(), Window::last(20), Window::fading(0.9)})
    for (const std::string_view name : {"accuracy", "kappa", "f1", "log_loss", "r2", "roc_auc"}) {
      const Task task = name == "r2" ? Task::regression : Task::binary;
      auto metric = make_metric(name, window, task);
      for (const Outcome& outcome : made_outcomes(task, 4, 33)) metric.update(outcome);
      const auto bytes = rtml::save(metric);
      const std::size_t step = bytes.size() > 4000 ? 97 : 1;
      for (std::size_t i = 0; i < bytes.size(); i += step) {
        auto restored = make_metric(name, window, task);
        CHECK_THROWS_AS(rtml::load(restored, std::span(bytes).first(i)), rtml::FormatError);
        for (const int bit : {0, 7}) {
          auto flipped = bytes;
          flipped[i] ^= static_cast<std::byte>(1 << bit);
          try {
            rtml::load(restored, flipped);
            restored.update(Outcome::binary(0.3F, 1.0F));
            static_cast<void>(restored.value());
          } catch (const rtml::FormatError&) {
          }
        }
      }
    }
}

TEST_CASE("a metric refuses the archive of another metric, window or number of classes", "[metrics][archive]") {
  const auto bytes = rtml::save(make_metric("kappa", Window::last(10), Task::classes, 5));
  for (auto other : {make_metric("accuracy", Window::last(10), Task::classes, 5), make_metric("kappa", Window::last(11), Task::classes, 5),
                     make_metric("kappa", Window::whole(), Task::classes, 5), make_metric("kappa", Window::last(10), Task::classes, 4)})
    CHECK_THROWS_AS(rtml::load(other, bytes), rtml::FormatError);
  auto fading = make_metric("accuracy", Window::fading(0.9));
  CHECK_THROWS_AS(rtml::load(fading, rtml::save(make_metric("accuracy", Window::fading(0.8)))), rtml::FormatError);
  auto binary = make_metric("log_loss");
  CHECK_THROWS_AS(rtml::load(binary, rtml::save(make_metric("log_loss", {}, Task::classes))), rtml::FormatError);
}

TEST_CASE("the memory of a windowed metric is bounded by its window", "[metrics]") {
  for (const std::string_view name : metrics_of(Task::binary)) {
    auto metric = make_metric(name, Window::last(1000));
    const std::size_t before = metric.memory_bytes();
    for (const Outcome& outcome : made_outcomes(Task::binary, 1, 5000)) metric.update(outcome);
    CAPTURE(name);
    CHECK(metric.memory_bytes() == before);
    CHECK(before < 64'000);
    CHECK(before > 16'000);
  }
}

TEST_CASE("make_metric names the metric that is not known, and lists those of the task", "[metrics][config]") {
  CHECK_THROWS_WITH(make_metric("auc", {}, Task::regression),
                    "metrics: metric is \"auc\", must be one of accuracy, kappa, precision, recall, f1, macro_f1, false_positive_rate, "
                    "log_loss, roc_auc, average_precision, mae, rmse, r2");
  CHECK_THROWS_WITH(make_metric("f1", {}, Task::classes),
                    "metrics: metric is \"f1\", must be one of accuracy, kappa, log_loss, macro_f1 for classes");
  CHECK_THROWS_WITH(make_metric("mae", Window::last(0), Task::regression), "Windowed: n is 0, must be in [1, 2^26]");
  CHECK_THROWS_WITH(make_metric("accuracy", Window::fading(1.0)), "Fading: factor is 1, must be in [1e-6, 1)");
  CHECK_THROWS_WITH(make_metric("kappa", {}, Task::classes, 1), "metrics: classes is 1, must be in [2, 1024]");
}

TEST_CASE("every metric has a signal of its name, and says which direction is better", "[metrics]") {
  namespace m = rtml::metrics;
  std::set<std::string> signals;
  for (const rtml::Signal& signal :
       {m::accuracy(), m::kappa(), m::precision(), m::recall(), m::f1(), m::macro_f1(), m::false_positive_rate(), m::log_loss(),
        m::roc_auc(), m::average_precision(), m::mae(), m::rmse(), m::r2()}) {
    CHECK(signal.source == rtml::Signal::Source::metric);
    CHECK(signal.window == 1000);
    signals.insert(signal.name);
  }
  CHECK(signals.size() == m::metric_names().size());
  for (const std::string_view name : m::metric_names()) {
    CHECK(signals.count(std::string(name)) == 1);
    const bool loss = name == "log_loss" || name == "mae" || name == "rmse" || name == "false_positive_rate";
    CHECK(m::higher_is_better(name) == !loss);
    const Task task = name == "mae" || name == "rmse" || name == "r2" ? Task::regression : Task::binary;
    CHECK(make_metric(name, {}, task).higher_is_better() == !loss);
    CHECK(make_metric(name, {}, task).name() == name);
  }
  CHECK(m::average_precision(200).window == 200);
  CHECK_THROWS_AS(m::higher_is_better("nothing"), rtml::ConfigError);
}
