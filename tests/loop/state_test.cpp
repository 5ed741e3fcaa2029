#include <sys/resource.h>
#include <sys/wait.h>
#include <csignal>
#include <fstream>
#include <functional>

#include "rtml/drift/signals.hpp"
#include "rtml/loop.hpp"
#include "rtml/metrics/signals.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::LoopOptions;

namespace {

LoopOptions kept_in(const TemporaryFolder& folder, std::uint64_t checkpoint_every = 0) {
  LoopOptions options;
  options.retrain = {.when = rtml::every(700), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{200})};
  options.rehearse = rtml::reservoir(100);
  options.state = folder.path();
  options.challengers = {{.name = "other", .learner = LogisticRegression{}, .weight = 0.3}};
  options.checkpoint_every = checkpoint_every;
  return options;
}

std::vector<std::filesystem::path> checkpoints(const TemporaryFolder& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    if (entry.path().extension() == ".rtml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("A loop that was interrupted goes on as if it had not been, bit for bit", "[loop][state]") {
  const auto rows = trades(3000);
  const rtml::ReplayBuffer buffer = GENERATE(as<rtml::ReplayBuffer>(), rtml::reservoir(100), rtml::prioritized(100));
  const auto rehearsing = [&](LoopOptions options) {
    options.rehearse = rtml::Rehearsal(buffer, 1.0, 0, {.warmup = 20, .every = 3, .drift_ratio = 2.0, .drift_rows = 100});
    return options;
  };
  const TemporaryFolder whole_folder;
  Loop<Trade> whole(trade_features(), LogisticRegression{}, rehearsing(kept_in(whole_folder)));
  const auto expected = run(whole, rows, 0, rows.size());

  const TemporaryFolder folder;
  std::vector<float> scores(rows.size());
  std::uint64_t from = 0;
  for (const std::uint64_t killed_at : {1u, 17u, 650u, 1400u, 2222u, 3000u}) {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, rehearsing(kept_in(folder, 250)));
    from = loop.resume_offset();
    CHECK(loop.resumed() == (from != 0));
    for (std::uint64_t i = from; i < killed_at; ++i) scores[i] = run(loop, rows, i, i + 1)[0];
    if (killed_at == rows.size()) {
      CHECK(rtml::save(loop.model(0)) == rtml::save(whole.model(0)));
      CHECK(rtml::save(loop.model(1)) == rtml::save(whole.model(1)));
      CHECK(loop.counters().events == whole.counters().events);
      CHECK(loop.counters().labels == whole.counters().labels);
      CHECK(loop.counters().retrainings == whole.counters().retrainings);
      CHECK(loop.counters().retrainings > 3);
      CHECK(loop.metrics(0) == whole.metrics(0));
      CHECK(loop.metrics(1, true) == whole.metrics(1, true));
    }
  }  // dropped without a word, as a crash would
  CHECK(scores == expected);
}

TEST_CASE("A loop that saves what changed goes on from it, bit for bit", "[loop][state]") {
  const auto rows = trades(1500);
  const TemporaryFolder whole_folder;
  Loop<Trade> whole(trade_features(), LogisticRegression{}, kept_in(whole_folder));
  const auto expected = run(whole, rows, 0, rows.size());

  const TemporaryFolder folder;
  LoopOptions options = kept_in(folder, 10);
  options.deltas = 4;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    run(loop, rows, 0, 1055);
  }
  CHECK(std::filesystem::exists(folder.path() + "/delta-00000000000000000105.rtml"));
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  CHECK(loop.resume_offset() == 1050);
  CHECK(run(loop, rows, 1050, 1500) == std::vector<float>(expected.begin() + 1050, expected.end()));
  CHECK(rtml::save(loop.model(0)) == rtml::save(whole.model(0)));
}

TEST_CASE("A checkpoint while predictions wait to be looked at leaves readers with what it holds", "[loop][state]") {
  const auto rows = trades(400, 6);
  const TemporaryFolder folder;
  LoopOptions options;
  options.state = folder.path();
  const auto serve = [&](Loop<Trade>& loop, std::size_t from, std::size_t to) {
    std::vector<float> scores;
    for (std::size_t i = from; i < to; ++i) scores.push_back(loop.predict(i, rows[i]).score);
    return scores;
  };
  Loop<Trade> went_on(trade_features(), LogisticRegression{}, options);
  run(went_on, rows, 0, 100);
  serve(went_on, 100, 120);
  went_on.checkpoint();
  const TemporaryFolder copied;
  std::filesystem::copy(folder.path(), copied.path(),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  options.state = copied.path();
  Loop<Trade> resumed(trade_features(), LogisticRegression{}, options);
  REQUIRE(resumed.resume_offset() == 120);
  CHECK(serve(resumed, 120, 400) == serve(went_on, 120, 400));
}

TEST_CASE("Labels that come after a restart find the features that were served before it", "[loop][state]") {
  const auto rows = trades(1000);
  const TemporaryFolder folder;
  std::vector<float> served;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
    for (std::size_t i = 0; i < rows.size(); ++i) served.push_back(loop.predict(i, rows[i]).score);
    loop.work();
    loop.checkpoint();
  }
  Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
  CHECK(loop.resume_offset() == 1000);
  CHECK(loop.predict(500, rows[500]).score == served[500]);
  CHECK(loop.counters().repeated == 1);
  for (std::size_t i = 0; i < rows.size(); ++i) loop.label(i, rows[i].good);
  loop.work();
  CHECK(loop.counters().labels == 1000);
  CHECK(loop.counters().labels_unknown == 0);
}

TEST_CASE("The place in a label feed is restored with what was learned from it", "[loop][state]") {
  const auto rows = trades(100);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
    for (std::size_t i = 0; i < rows.size(); ++i) loop.predict(i, rows[i]);
    for (std::uint64_t i = 0; i < 40; ++i)
      loop.label({.id = i, .y = rows[i].good, .source = rtml::EventId(9, 1000 + i), .has_source = true});
    loop.stop();
  }
  Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
  CHECK(loop.resume_offset() == 100);
  CHECK(loop.resume_offset(9) == 1040);
  CHECK(loop.resume_offset(8) == 0);
}

TEST_CASE("A damaged checkpoint is passed over for the one before, and the host is told", "[loop][state]") {
  const auto rows = trades(600);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
    run(loop, rows, 0, 300);
    loop.checkpoint();
    run(loop, rows, 300, 600);
    loop.checkpoint();
  }
  const auto files = checkpoints(folder);
  REQUIRE(files.size() == 2);
  std::filesystem::resize_file(files[1], std::filesystem::file_size(files[1]) / 2);
  std::vector<LoopEvent> told;
  LoopOptions options = kept_in(folder);
  options.on_event = [&](const LoopEvent& event) { told.push_back(event); };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  CHECK(loop.resume_offset() == 300);
  REQUIRE(told.size() == 2);
  CHECK(told[0].kind == LoopEvent::Kind::state_refused);
  CHECK(told[1].kind == LoopEvent::Kind::resume);
}

TEST_CASE("A state directory belongs to one loop at a time", "[loop][state]") {
  const TemporaryFolder folder;
  const Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
  CHECK_THROWS_AS(Loop<Trade>(trade_features(), LogisticRegression{}, kept_in(folder)), rtml::IoError);
}

TEST_CASE("State of other features is refused with the column that differs", "[loop][state]") {
  const auto rows = trades(200);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, {.state = folder.path()});
    run(loop, rows, 0, 200);
    loop.stop();
  }
  using namespace rtml;
  const auto other = feature_set<Trade>("trades-v1", &Trade::at, numeric("size", &Trade::size) | standardize(),
                                        numeric("spread", &Trade::spread) | standardize());
  CHECK_THROWS_AS(Loop<Trade>(other, LogisticRegression{}, {.state = folder.path()}), SchemaError);
  CHECK_THROWS_WITH(Loop<Trade>(other, LogisticRegression{}, {.state = folder.path()}),
                    "Loop: the state in " + folder.path() +
                        " learned from other features: column \"size\" is numeric numeric|standardize, was numeric "
                        "numeric|log1p|standardize");
}

TEST_CASE("A feature set that gains a column keeps its models, scaling and windows", "[loop][state]") {
  using namespace rtml;
  using namespace std::chrono_literals;
  const auto rows = trades(2000);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, {.state = folder.path()});
    run(loop, rows, 0, 1500);
    loop.stop();
  }
  const auto wider = feature_set<Trade>(
      "trades-v2", &Trade::at, numeric("size", &Trade::size) | log1p() | standardize(), numeric("spread", &Trade::spread) | standardize(),
      category("trader", &Trade::trader),
      window("volume", field("trader", &Trade::trader), 1min, sum(field("size", &Trade::size))) | log1p() | standardize(),
      window("trades", field("trader", &Trade::trader), 10min, count()) | log1p() | standardize(),
      window("busy", field("trader", &Trade::trader), 5min, count()) | log1p() | standardize());
  Loop<Trade> narrow(trade_features(), LogisticRegression{});
  run(narrow, rows, 0, 1500);
  Loop<Trade> loop(wider, LogisticRegression{}, {.state = folder.path()});
  CHECK(loop.resumed());
  CHECK(loop.resume_offset() == 1500);
  CHECK(loop.counters().labels == 1500);
  for (std::size_t i = 1500; i < 1510; ++i)
    CHECK(loop.score(rows[i]).score == Approx(static_cast<double>(narrow.score(rows[i]).score)).margin(1e-3));
  run(loop, rows, 1500, 2000);
  CHECK(metric(loop, "accuracy", 0, true) > 0.85);
}

TEST_CASE("A feature set that gains a category keeps its models and the history that it retrains from", "[loop][state]") {
  using namespace rtml;
  const auto rows = trades(1000);
  const auto features = [](bool wider) {
    std::vector<AnyFeature<Trade>> list;
    list.push_back(numeric("size", &Trade::size) | standardize());
    list.push_back(numeric("spread", &Trade::spread) | standardize());
    if (wider) list.push_back(category("trader", &Trade::trader));
    return feature_set_from<Trade>("trades", &Trade::at, list);
  };
  const TemporaryFolder folder;
  LoopOptions options;
  options.state = folder.path();
  options.retrain = {.when = every(100), .start = Start::fresh, .on = Data::recent(std::size_t{200})};
  options.rehearse = reservoir(50);
  {
    Loop<Trade> loop(features(false), LogisticRegression{}, options);
    run(loop, rows, 0, 500);
    loop.stop();
  }
  Loop<Trade> loop(features(true), LogisticRegression{}, options);
  CHECK(loop.resume_offset() == 500);
  run(loop, rows, 500, 1000);
  CHECK(loop.counters().retrainings == 10);
  CHECK(metric(loop, "accuracy", 0, true) > 0.8);
}

TEST_CASE("A disk that takes no more stops no loop, and leaves the checkpoint that was there", "[loop][state]") {
  const auto rows = trades(900);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
    run(loop, rows, 0, 300);
    loop.checkpoint();
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int verdict = 0;
    {
      Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder, 100));
      run(loop, rows, 300, 900);
      if (loop.counters().checkpoint_failures < 5) verdict |= 1;
      if (loop.counters().events != 900) verdict |= 2;
      try {
        loop.checkpoint();
        verdict |= 4;
      } catch (const rtml::IoError&) {
      }
    }
    ::_exit(verdict);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  const Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
  CHECK(loop.resume_offset() == 300);
}

TEST_CASE("A checkpoint of other arms or learners is refused by name", "[loop][state]") {
  const auto rows = trades(50);
  const TemporaryFolder folder;
  {
    Loop<Trade> loop(trade_features(), LogisticRegression{}, kept_in(folder));
    run(loop, rows, 0, 50);
    loop.stop();
  }
  CHECK_THROWS_WITH(Loop<Trade>(trade_features(), LogisticRegression{}, {.state = folder.path()}),
                    "Loop: arm 1 is \"no_change (no_change)\", must be other (logistic), as in the state in " + folder.path());
}

TEST_CASE("checkpoint() without a state directory says what is missing", "[loop][state]") {
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  CHECK_THROWS_WITH(loop.checkpoint(), "LoopOptions: state is \"empty\", must be a directory, for checkpoint()");
}

TEST_CASE("A state survives other options: the model goes on, what they shape begins anew and is named", "[loop]") {
  const auto rows = trades(3000);
  rtml::LoopOptions before;
  before.retrain = {.when = rtml::metrics::accuracy() < 0.1, .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{200})};
  before.history = 1000;
  before.rehearse = rtml::Rehearsal(rtml::reservoir(100), 0.5);

  struct Change {
    std::string named;
    std::function<void(rtml::LoopOptions&)> make;
  };
  const Change changes[] = {
      {"history", [](auto& o) { o.history = 2000; }},
      {"history", [](auto& o) { o.history = 500; }},
      {"history", [](auto& o) { o.retrain = {}; }},
      {"signals of retraining", [](auto& o) { o.retrain.when = rtml::metrics::accuracy() < 0.1 || rtml::drift::psi() > 5.0; }},
      {"rolling metrics", [](auto& o) { o.metric_window = 100; }},
      {"drift of features", [](auto& o) { o.drift.window = 500; }},
      {"drift of features", [](auto& o) { o.drift.reference = 1700; }},
      {"rehearsal", [](auto& o) { o.rehearse = {}; }},
      {"rehearsal", [](auto& o) { o.rehearse = rtml::Rehearsal(rtml::reservoir(50), 0.5); }},
      {"rehearsal", [](auto& o) { o.rehearse = rtml::Rehearsal(rtml::class_balanced(100), 0.5); }},
  };
  for (const Change& change : changes) {
    CAPTURE(change.named);
    const TemporaryFolder folder;
    rtml::LoopOptions options = before;
    options.state = folder.path();
    float served = 0.0F;
    double whole = 0.0;
    {
      Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
      run(loop, rows, 0, 2500);
      served = loop.score(rows[2500]).score;
      whole = metric(loop, "accuracy");
      loop.stop();
    }
    std::string resumed;
    change.make(options);
    options.on_event = [&](const rtml::LoopEvent& event) {
      if (event.kind == rtml::LoopEvent::Kind::resume) resumed = event.what;
    };
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    CHECK(resumed.find("begun anew") != std::string::npos);
    CHECK(resumed.find(change.named) != std::string::npos);
    CHECK(loop.score(rows[2500]).score == served);
    CHECK(metric(loop, "accuracy") == whole);
    CHECK(loop.resume_offset() == 2500);
    run(loop, rows, 2500, 3000);
    CHECK(loop.counters().labels == 3000);
    CHECK_NOTHROW(loop.checkpoint());
  }
}
