// The laws themselves: a learner that keeps them all passes, and one that breaks one is caught by that law.
#include "support/learner_laws.hpp"

#include "core/toy_learners.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"

using namespace rtml;
using namespace rtml::testing;

static_assert(ScalarLearner<ToyLogistic<>> && !ClassLearner<ToyLogistic<>> && Explainable<ToyLogistic<>>);
static_assert(ClassLearner<ToySoftmax> && !ScalarLearner<ToySoftmax> && !Explainable<ToySoftmax>);
static_assert(ChangeDetector<ToyDetector<>>);

TEST_CASE("a scalar learner that keeps the laws passes them", "[core][laws]") {
  check_learner(ToyLogistic<>{});
  check_learner(ToyLogistic<>{}, {.dense = 3, .nominal = 1, .sparse = 0, .seed = 2});
}

TEST_CASE("a class learner that keeps the laws passes them", "[core][laws]") { check_learner(ToySoftmax(4)); }

TEST_CASE("a detector that keeps the laws passes them", "[core][laws]") {
  check_detector(ToyDetector<>{}, gaussian_with_jump(1, 400, 200, 3.0));
}

TEST_CASE("each law of learners catches the learner that breaks it", "[core][laws]") {
  CHECK(law_predict_is_pure(ToyLogistic<Bug::predict_counts>{}) == "predicting changed the state");
  CHECK(law_learn_returns_the_prediction(ToyLogistic<Bug::learn_returns_after>{}) != "");
  CHECK(law_copies_agree(ToyLogistic<Bug::copies_share>{}) != "");
  CHECK(law_checkpoint_continues(ToyLogistic<Bug::archive_forgets_bias>{}) != "");
  CHECK(law_hot_path_does_not_allocate(ToyLogistic<Bug::predict_allocates>{}) != "");
  CHECK(law_hot_path_does_not_allocate(ToyLogistic<Bug::learn_allocates>{}) != "");
  CHECK(law_weight_zero_does_nothing(ToyLogistic<Bug::weight_zero_counts>{}) == "weight 0 changed the state");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::negative_weight_accepted>{}) == "weight -1 was not counted as refused");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::nan_label_accepted>{}) == "label NaN was not counted as refused");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::infinite_x_accepted>{}) == "dense inf was not counted as refused");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::refused_not_counted>{}) != "");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::refused_learns>{}) != "");
  CHECK(law_hostile_rows_leave_no_trace(ToyLogistic<Bug::predict_nan_of_refused>{}) == "dense inf: a score is not finite");
  CHECK(law_predictions_stay_finite(ToyLogistic<Bug::overflows>{}) != "");
  CHECK(law_predictions_stay_finite(ToyLogistic<Bug::refuses_extremes>{}) == "a usable example was refused");
  CHECK(law_rows_of_other_lengths_do_no_harm(ToyLogistic<Bug::empty_row_is_nan>{}) == "0 dense values: a score is not finite");
  CHECK(law_bind_keeps_what_was_learned(ToyLogistic<Bug::bind_forgets>{}) != "");
  CHECK(law_bind_keeps_what_was_learned(ToyLogistic<Bug::bind_by_place>{}) != "");
  CHECK(law_erased_is_the_same(ToyLogistic<Bug::archive_forgets_bias>{}) == "restored, it answers differently");
  CHECK(law_memory_bytes_tells_the_truth(ToyLogistic<Bug::memory_of_self_only>{}) != "");
  CHECK(law_memory_bytes_tells_the_truth(ToyLogistic<Bug::memory_exaggerated>{}) != "");
}

TEST_CASE("each law of archives catches the type that breaks it", "[core][laws]") {
  const LearnerLaws laws;
  const auto count = testing::detail::trained(ToyLogistic<Bug::archive_trusts_count>{}, laws, 20);
  CHECK(law_survives_flips(count, [](auto&) {}).find("made it allocate what the bytes do not hold") != std::string::npos);
  const auto kind = testing::detail::trained(ToyLogistic<Bug::archive_throws_other>{}, laws, 20);
  CHECK(law_survives_flips(kind, [](auto&) {}).find("threw something else than FormatError") != std::string::npos);
  const auto forgets = testing::detail::trained(ToyLogistic<Bug::archive_forgets_bias>{}, laws, 20);
  CHECK(law_round_trip(forgets, ToyLogistic<Bug::archive_forgets_bias>{}) == "what was loaded saves to other bytes");
}

TEST_CASE("each law of detectors catches the detector that breaks it", "[core][laws]") {
  const auto values = gaussian_with_jump(1, 400, 200, 3.0);
  CHECK(law_alarms(ToyDetector<>{}, gaussian(1, 100)) != "");
  CHECK(law_reset_forgets(ToyDetector<Bug::bind_forgets>{}, values) != "");
  CHECK(law_drift_age_says_where(ToyDetector<Bug::drift_age_moves>{}, values) != "");
  CHECK(law_detector_checkpoint_continues(ToyDetector<Bug::archive_forgets_bias>{}, values) != "");
  CHECK(law_refuses_what_is_not_finite(ToyDetector<Bug::refused_not_counted>{}, values) == "nan was not counted as refused");
  CHECK(law_refuses_what_is_not_finite(ToyDetector<Bug::refused_learns>{}, values) != "");
  CHECK(law_update_does_not_allocate(ToyDetector<Bug::learn_allocates>{}, values) != "");
}
