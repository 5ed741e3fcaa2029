#include "rtml/transform/feature_set.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "payment.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::bits_of;
using rtml::testing::Channel;
using rtml::testing::dense_of;
using rtml::testing::Payment;
using rtml::testing::payments;

static_assert(Checkpointable<FeaturePipeline<Payment>> && Sized<FeaturePipeline<Payment>>);

namespace {

const auto per_letter = [](const Payment& p) { return p.amount / static_cast<double>(1 + p.merchant.size()); };

FeatureSet<Payment> static_form() {
  return feature_set<Payment>(
      "payments-v1", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(),
      numeric("filled", &Payment::amount) | clip(-100.0F, 500.0F) | missing_indicator(), numeric("ratio", "v1", per_letter),
      numeric("band", &Payment::amount) | bucketize({0.0F, 100.0F}), category("merchant", &Payment::merchant),
      category("channel", &Payment::channel) | one_hot({Channel::web, Channel::store}),
      cross("route", category("merchant", &Payment::merchant), category("channel", &Payment::channel)), hour_of_day("hour"),
      day_of_week("weekday") | cyclic(), window("card_spend", &Payment::card, 1h, sum(&Payment::amount)) | log1p() | standardize(),
      window("card_count", &Payment::card, 24h, count()));
}

FeatureSet<Payment> run_time_form() {
  std::vector<AnyFeature<Payment>> features;
  features.push_back(numeric("amount", &Payment::amount) | log1p() | standardize());
  features.push_back(numeric("filled", &Payment::amount) | clip(-100.0F, 500.0F) | missing_indicator());
  features.push_back(numeric("ratio", "v1", per_letter));
  features.push_back(numeric("band", &Payment::amount) | bucketize({0.0F, 100.0F}));
  features.push_back(category("merchant", &Payment::merchant));
  features.push_back(category("channel", &Payment::channel) | one_hot({Channel::web, Channel::store}));
  features.push_back(cross("route", category("merchant", &Payment::merchant), category("channel", &Payment::channel)));
  features.push_back(hour_of_day("hour"));
  features.push_back(day_of_week("weekday") | cyclic());
  features.push_back(window("card_spend", &Payment::card, 1h, sum(&Payment::amount)) | log1p() | standardize());
  features.push_back(window("card_count", &Payment::card, 24h, count()));
  return feature_set_from<Payment>("payments-v1", &Payment::at, std::move(features));
}

/// The dense values of one event by a set without windows or statistics.
template <class Event>
std::vector<float> stateless(const FeatureSet<Event>& set, const Event& event) {
  FeaturePipeline<Event> pipeline(set);
  const Features x = pipeline(event);
  return {x.dense.begin(), x.dense.end()};
}

template <class Event>
std::uint32_t only_index(const FeatureSet<Event>& set, const Event& event) {
  FeaturePipeline<Event> pipeline(set);
  const Features x = pipeline(event);
  REQUIRE(x.sparse.size() == 1);
  CHECK(x.sparse[0].value == 1.0F);
  return x.sparse[0].index;
}

template <class... Fs>
FeatureSet<Payment> untimed(Fs... features) {
  return feature_set<Payment>("untimed", std::move(features)...);
}

Payment of_amount(double amount) { return {Time{}, 1, "shop", amount, Channel::web}; }

}  // namespace

TEST_CASE("A feature set names its columns and how they came to be", "[transform][features]") {
  const auto set = static_form();
  std::string text;
  for (const Column& column : set.schema().columns()) text += column.name + " = " + column.definition + "\n";
  CHECK(text ==
        "amount = numeric|log1p|standardize\n"
        "filled = numeric|clip(-100,500)|missing_indicator\n"
        "filled.missing = numeric|clip(-100,500)|missing\n"
        "ratio = numeric@v1\n"
        "band = numeric|bucketize(0,100)\n"
        "merchant = category(text)\n"
        "channel=0 = category(integer)|one_hot(0,1)\n"
        "channel=1 = category(integer)|one_hot(0,1)\n"
        "channel=other = category(integer)|one_hot(0,1)\n"
        "route = cross(merchant:category(text),channel:category(integer))\n"
        "hour = hour_of_day(0us)\n"
        "weekday.sin = day_of_week(0us)|cyclic\n"
        "weekday.cos = day_of_week(0us)|cyclic\n"
        "card_spend = window(integer,3600s,sum)|log1p|standardize\n"
        "card_count = window(integer,86400s,count)\n");
  CHECK(set.name() == "payments-v1");
  CHECK(set.dense_size() == 12);
  CHECK(set.sparse_capacity() == 3);
  CHECK(set.fit_size() == 2);
  CHECK(set.schema().find("band")->kind == Column::Kind::nominal);
  CHECK(set.schema().find("band")->categories == 3);
  CHECK(set.schema().find("merchant")->kind == Column::Kind::hashed);
}

TEST_CASE("The fingerprint of a definition is the same for ever", "[transform][features][golden]") {
  CHECK(static_form().schema().fingerprint() == 0x56dcedd7fe2490dULL);  // golden: a change here makes every saved model refuse its features
}

TEST_CASE("The indices of categories are the same for ever", "[transform][features][golden]") {
  const Payment payment{Time{}, 42, "bakery", 1.0, Channel::unknown};
  CHECK(only_index(untimed(category("merchant", &Payment::merchant)), payment) == 3899990686U);
  CHECK(only_index(untimed(category("card", &Payment::card)), payment) == 1098405520U);
  CHECK(only_index(untimed(category("channel", &Payment::channel)), payment) == 401243036U);
}

TEST_CASE("A definition written for the compiler and one put together at run time give the same bits", "[transform][features][property]") {
  const auto seed = GENERATE(range(1U, 6U));
  FeaturePipeline<Payment> compiled(static_form());
  FeaturePipeline<Payment> listed(run_time_form());
  CHECK(compiled.schema() == listed.schema());
  CHECK(compiled.schema().fingerprint() == listed.schema().fingerprint());
  for (const Payment& payment : payments(seed, 500, 20)) {
    const Features x = compiled(payment);
    const Features y = listed(payment);
    REQUIRE(bits_of(x.dense) == bits_of(y.dense));
    REQUIRE(std::vector<SparseFeature>(x.sparse.begin(), x.sparse.end()) == std::vector<SparseFeature>(y.sparse.begin(), y.sparse.end()));
    compiled.observe(payment);
    listed.observe(payment);
  }
  CHECK(save(compiled) == save(listed));
}

TEST_CASE("A definition over columns is that over a struct: same fingerprint, same bits", "[transform][features]") {
  const auto over_struct = feature_set<Payment>(
      "p", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(), category("merchant", &Payment::merchant),
      window("spend", field("merchant", &Payment::merchant), 1h, sum(field("amount", &Payment::amount))));
  const auto over_row = feature_set_from<Row>("p", &Row::at,
                                              {numeric("amount", column(1)) | log1p() | standardize(), category("merchant", text_column(0)),
                                               window("spend", field("merchant", text_column(0)), 1h, sum(field("amount", column(1))))});
  CHECK(over_struct.schema() == over_row.schema());
  CHECK(over_struct.schema().columns()[2].definition == "window(merchant:text,3600s,sum(amount))");
  FeaturePipeline<Payment> structs(over_struct);
  FeaturePipeline<Row> rows(over_row);
  for (const Payment& payment : payments(9, 300, 10)) {
    const double numbers[] = {rtml::testing::nan, payment.amount};
    const std::string_view text[] = {payment.merchant, ""};
    const Row row{payment.at, numbers, text};
    REQUIRE(bits_of(structs(payment).dense) == bits_of(rows(row).dense));
    REQUIRE(structs(payment).sparse[0] == rows(row).sparse[0]);
    structs.observe(payment);
    rows.observe(row);
  }
  CHECK(save(structs) == save(rows));
}

TEST_CASE("A column that a row does not have is missing", "[transform][features]") {
  const auto set = feature_set<Row>("r", numeric("x", column(7)), category("c", text_column(7)) | one_hot({"a"}));
  const auto x = stateless(set, Row{});
  CHECK(is_nan(x[0]));
  CHECK(x[1] == 0.0F);
  CHECK(x[2] == 1.0F);
}

TEST_CASE("Any change of a name, operation, constant, version or window changes the fingerprint", "[transform][features]") {
  const auto print = [](auto feature) { return feature_set<Payment>("f", &Payment::at, std::move(feature)).schema().fingerprint(); };
  const std::vector<std::uint64_t> prints = {
      print(numeric("a", &Payment::amount)),
      print(numeric("b", &Payment::amount)),
      print(numeric("a", &Payment::amount) | log1p()),
      print(numeric("a", &Payment::amount) | log1p() | standardize()),
      print(numeric("a", &Payment::amount) | standardize() | log1p()),
      print(numeric("a", &Payment::amount) | clip(0.0F, 1.0F)),
      print(numeric("a", &Payment::amount) | clip(0.0F, 2.0F)),
      print(numeric("a", &Payment::amount) | log()),
      print(numeric("a", &Payment::amount) | power(0.5F)),
      print(numeric("a", &Payment::amount) | power(-0.5F)),
      print(numeric("a", &Payment::amount) | polynomial(2)),
      print(numeric("a", &Payment::amount) | polynomial(3)),
      print(numeric("a", &Payment::amount) | fill_missing(0.0F)),
      print(numeric("a", &Payment::amount) | fill_missing(1.0F)),
      print(numeric("a", &Payment::amount) | fill_with_mean()),
      print(numeric("a", &Payment::amount) | robust()),
      print(numeric("a", &Payment::amount) | quantile()),
      print(numeric("a", &Payment::amount) | min_max()),
      print(numeric("a", &Payment::amount) | bucketize({1.0F})),
      print(numeric("a", &Payment::amount) | bucketize({2.0F})),
      print(numeric("a", "v1", per_letter)),
      print(numeric("a", "v2", per_letter)),
      print(category("a", &Payment::merchant)),
      print(category("a", &Payment::card)),
      print(category("a", &Payment::merchant) | one_hot({"x", "y"})),
      print(category("a", &Payment::merchant) | one_hot({"x\",\"y"})),
      print(hour_of_day("a")),
      print(hour_of_day("a", 1h)),
      print(hour_of_day("a") | cyclic()),
      print(day_of_week("a")),
      print(window("a", &Payment::card, 1h, count())),
      print(window("a", &Payment::card, 2h, count())),
      print(window("a", &Payment::card, 1h, rate())),
      print(window("a", &Payment::card, 1h, time_since_last())),
      print(window("a", field("card", &Payment::card), 1h, count())),
      print(window("a", &Payment::merchant, 1h, count())),
      print(window("a", &Payment::card, 1h, sum(&Payment::amount))),
      print(window("a", &Payment::card, 1h, mean(&Payment::amount))),
      print(window("a", &Payment::card, 1h, sum(field("amount", &Payment::amount)))),
      print(window("a", &Payment::card, 1h, sum(field("amount", "v1", per_letter)))),
      feature_set<Payment>("f", field("at", "v1", [](const Payment& p) { return p.at; }), window("a", &Payment::card, 1h, count()))
          .schema()
          .fingerprint(),
  };
  for (std::size_t i = 0; i < prints.size(); ++i)
    for (std::size_t j = i + 1; j < prints.size(); ++j) {
      CAPTURE(i, j);
      CHECK(prints[i] != prints[j]);
    }
}

TEST_CASE("Operations do what they say, from left to right", "[transform][features]") {
  const auto value = [](const auto& feature, double amount) { return stateless(untimed(feature), of_amount(amount))[0]; };
  const auto amount = numeric("amount", &Payment::amount);
  CHECK(value(amount, 2.5) == 2.5F);
  CHECK(value(amount | log1p(), 1.718281828459045) == Approx(1.0F));
  CHECK(value(amount | log1p(), -1.718281828459045) == Approx(-1.0F));
  CHECK(value(amount | clip(-1.0F, 2.0F), -7.0) == -1.0F);
  CHECK(value(amount | clip(-1.0F, 2.0F), rtml::testing::infinity) == 2.0F);
  CHECK(value(amount | clip(0.0F, 1.718281828459045F) | log1p(), 50.0) == Approx(1.0F));
  CHECK(value(amount | log1p() | clip(0.0F, 1.718281828459045F), 50.0) == Approx(1.7182818F));
  CHECK(value(amount | log(), 7.38905609893065) == Approx(2.0F));
  CHECK(is_nan(value(amount | log(), 0.0)));
  CHECK(is_nan(value(amount | log(), -1.0)));
  CHECK(value(amount | power(0.5F), 8.0) == Approx(4.0F));            // 2 (3 - 1)
  CHECK(value(amount | power(0.5F), -3.0) == Approx(-14.0F / 3.0F));  // -(4^1.5 - 1) / 1.5
  CHECK(value(amount | power(1.0F), -3.25) == Approx(-3.25F));
  CHECK(value(amount | fill_missing(7.0F), rtml::testing::nan) == 7.0F);
  CHECK(value(amount | fill_missing(7.0F), 2.0) == 2.0F);
  CHECK(value(amount | bucketize({0.0F, 10.0F}), -1.0) == 0.0F);
  CHECK(value(amount | bucketize({0.0F, 10.0F}), 0.0) == 1.0F);
  CHECK(value(amount | bucketize({0.0F, 10.0F}), 10.0) == 2.0F);
}

TEST_CASE("Missing stays missing through every operation but missing_indicator and fill_missing", "[transform][features]") {
  const auto values = [](const auto& feature, double amount) { return stateless(untimed(feature), of_amount(amount)); };
  const auto amount = numeric("amount", &Payment::amount);
  const double gone = rtml::testing::nan;
  CHECK(is_nan(values(amount, gone)[0]));
  CHECK(is_nan(values(amount | log1p() | standardize() | clip(0.0F, 1.0F), gone)[0]));
  CHECK(is_nan(values(amount | power(0.5F) | log(), gone)[0]));
  CHECK(is_nan(values(amount | bucketize({0.0F}), gone)[0]));
  CHECK(values(amount | log1p() | missing_indicator(), gone) == std::vector<float>{0.0F, 1.0F});
  CHECK(values(amount | missing_indicator(), 3.0) == std::vector<float>{3.0F, 0.0F});
}

TEST_CASE("A value that no learner may see reaches it as one, whatever it is worth after log1p and standardize", "[transform][features]") {
  for (const double amount : {rtml::testing::infinity, -rtml::testing::infinity, 1e300, -1e16}) {
    const auto x = stateless(untimed(numeric("amount", &Payment::amount) | log1p() | standardize()), of_amount(amount));
    CAPTURE(amount);
    CHECK(!is_nan(x[0]));
    CHECK(!is_usable(x[0]));
  }
}

TEST_CASE("polynomial adds the powers, limited to what a learner may see", "[transform][features]") {
  const auto set = untimed(numeric("amount", &Payment::amount) | polynomial(3), numeric("behind", &Payment::amount));
  CHECK(set.schema().dense(1).name == "amount^2");
  CHECK(set.schema().dense(2).definition == "numeric|^3");
  CHECK(stateless(set, of_amount(-3.0)) == std::vector<float>{-3.0F, 9.0F, -27.0F, -3.0F});
  CHECK(stateless(set, of_amount(-1e12)) == std::vector<float>{-1e12F, 1e15F, -1e15F, -1e12F});
  for (const float x : stateless(set, of_amount(rtml::testing::nan))) CHECK(is_nan(x));
  for (const float x : stateless(set, of_amount(rtml::testing::infinity))) CHECK(!is_usable(x));
}

TEST_CASE("An operation says which of its parameters is wrong", "[transform][features]") {
  CHECK_THROWS_WITH(power(5.5F), "power: lambda is 5.5, must be in [-5, 5]");
  CHECK_THROWS_AS(power(std::numeric_limits<float>::quiet_NaN()), ConfigError);
  CHECK_THROWS_WITH(polynomial(1), "polynomial: degree is 1, must be in [2, 8]");
  CHECK_THROWS_AS(polynomial(9), ConfigError);
  CHECK_THROWS_AS(fill_missing(std::numeric_limits<float>::infinity()), ConfigError);
}

TEST_CASE("-0.0 is 0", "[transform][features]") {
  const auto set = untimed(numeric("a", &Payment::amount), numeric("b", &Payment::amount) | log1p() | clip(-1.0F, 1.0F));
  CHECK(bits_of(stateless(set, of_amount(-0.0))) == bits_of(stateless(set, of_amount(0.0))));
  CHECK(bits_of(stateless(set, of_amount(-0.0))) == std::vector<std::uint32_t>{0, 0});
}

TEST_CASE("standardize serves as of before the event, and shows what it has to see", "[transform][features]") {
  FeaturePipeline<Payment> pipeline(untimed(numeric("amount", &Payment::amount) | standardize()));
  CHECK(dense_of(pipeline, of_amount(10.0))[0] == 0.0F);
  pipeline.observe(of_amount(10.0));
  CHECK(dense_of(pipeline, of_amount(20.0))[0] == 0.0F);
  pipeline.observe(of_amount(20.0));
  CHECK(dense_of(pipeline, of_amount(20.0))[0] == 1.0F);
  CHECK(dense_of(pipeline, of_amount(1e9))[0] == 8.0F);
  CHECK(dense_of(pipeline, of_amount(rtml::testing::nan))[0] != 1.0F);
  pipeline.observe(of_amount(rtml::testing::nan));
  CHECK(pipeline.fitted().count(0) == 2);
}

TEST_CASE("Numbers of any arithmetic type are read; an empty optional is missing", "[transform][features]") {
  struct Mixed {
    bool flag;
    std::int8_t small;
    std::uint64_t large;
    std::optional<float> perhaps;
    double twice() const noexcept { return 2.0 * small; }
  };
  const auto set =
      feature_set<Mixed>("mixed", numeric("flag", &Mixed::flag), numeric("small", &Mixed::small), numeric("large", &Mixed::large),
                         numeric("perhaps", &Mixed::perhaps), numeric("twice", &Mixed::twice));
  CHECK(stateless(set, Mixed{true, -3, 1U << 20U, 1.5F}) == std::vector<float>{1.0F, -3.0F, 1048576.0F, 1.5F, -6.0F});
  CHECK(is_nan(stateless(set, Mixed{true, -3, 7, {}})[3]));
}

TEST_CASE("Categories of equal value have one index, whatever type holds them", "[transform][features]") {
  struct Narrow {
    std::int16_t id;
    std::string text;
    const char* chars;
  };
  struct Wide {
    std::int64_t id;
    std::string_view text;
    Channel channel;
  };
  const auto narrow_id = feature_set<Narrow>("n", category("id", &Narrow::id));
  const auto wide_id = feature_set<Wide>("w", category("id", &Wide::id));
  const auto channel = feature_set<Wide>("w", category("id", &Wide::channel));
  CHECK(only_index(narrow_id, Narrow{-1, "", ""}) == only_index(wide_id, Wide{-1, "", Channel::web}));
  CHECK(only_index(channel, Wide{0, "", Channel::unknown}) == only_index(wide_id, Wide{-1, "", Channel::web}));
  const auto text = feature_set<Narrow>("n", category("t", &Narrow::text));
  const auto view = feature_set<Wide>("w", category("t", &Wide::text));
  const auto chars = feature_set<Narrow>("n", category("t", &Narrow::chars));
  CHECK(only_index(text, Narrow{0, "bakery", ""}) == only_index(view, Wide{0, "bakery", Channel::web}));
  CHECK(only_index(chars, Narrow{0, "", "bakery"}) == only_index(view, Wide{0, "bakery", Channel::web}));
  CHECK(only_index(chars, Narrow{0, "", nullptr}) == only_index(view, Wide{0, "", Channel::web}));
}

TEST_CASE("Categories that differ in value or name differ in index; integers beyond 2^53 too", "[transform][features]") {
  struct Id {
    std::uint64_t id;
    std::uint64_t other;
  };
  const auto a = feature_set<Id>("a", category("a", &Id::id));
  const auto b = feature_set<Id>("b", category("b", &Id::id));
  const std::uint64_t big = 1ULL << 53U;
  CHECK(only_index(a, Id{big, 0}) != only_index(a, Id{big + 1, 0}));
  CHECK(only_index(a, Id{big, 0}) != only_index(b, Id{big, 0}));
  const auto pair = feature_set<Id>("c", cross("pair", category("l", &Id::id), category("r", &Id::other)));
  CHECK(only_index(pair, Id{1, 2}) != only_index(pair, Id{2, 1}));
  CHECK(only_index(pair, Id{1, 2}) != only_index(pair, Id{1, 3}));
  CHECK(only_index(pair, Id{1, 2}) != only_index(pair, Id{3, 2}));
}

TEST_CASE("A cross takes two or more of whatever has one hashed value", "[transform][features]") {
  struct Ride {
    Time at;
    std::string_view rider;
    double latitude;
    double longitude;
    int seats;
  };
  const auto place = grid_cell("place", &Ride::latitude, &Ride::longitude, 1.0);
  const auto rush = cross("rush", place, hour_of_week("hour"), category("rider", &Ride::rider));
  const auto set = feature_set<Ride>("rides", &Ride::at, rush);
  CHECK(set.schema().columns()[0].definition == "cross(place:grid_cell(,,1),hour:hour_of_week(0us),rider:category(text))");
  const Time noon = from_unix_seconds(12 * 3600);
  const Ride ride{noon, "ann", 10.5, 20.5, 1};
  const std::uint32_t index = only_index(set, ride);
  CHECK(only_index(set, Ride{noon + 59min, "ann", 10.9, 20.1, 2}) == index);
  CHECK(only_index(set, Ride{noon + 60min, "ann", 10.5, 20.5, 1}) != index);
  CHECK(only_index(set, Ride{noon, "bob", 10.5, 20.5, 1}) != index);
  CHECK(only_index(set, Ride{noon, "ann", 11.5, 20.5, 1}) != index);
  const auto other_order = cross("rush", hour_of_week("hour"), place, category("rider", &Ride::rider));
  CHECK(only_index(feature_set<Ride>("rides", &Ride::at, other_order), ride) != index);
  CHECK_THROWS_AS(feature_set_from<Ride>("rides", {rush}), ConfigError);  // no time, and the hour needs it
}

TEST_CASE("one_hot sets the column of a known value, and the last of any other", "[transform][features]") {
  const auto set = untimed(category("m", &Payment::merchant) | one_hot({"a", "b"}));
  CHECK(set.schema().dense(0).name == "m=a");
  CHECK(set.schema().dense(2).name == "m=other");
  Payment payment = of_amount(1.0);
  payment.merchant = "b";
  CHECK(stateless(set, payment) == std::vector<float>{0.0F, 1.0F, 0.0F});
  payment.merchant = "ab";
  CHECK(stateless(set, payment) == std::vector<float>{0.0F, 0.0F, 1.0F});
  CHECK(untimed(category("m", &Payment::merchant) | one_hot(std::vector<std::string>{"a", "b"})).schema() == set.schema());
}

TEST_CASE("Hours and weekdays are those of the calendar, before 1970 and elsewhere too", "[transform][features]") {
  const auto hours_of = [](Duration offset) {
    return feature_set<Payment>("c", &Payment::at, hour_of_day("h", offset) | cyclic(), day_of_week("d", offset) | cyclic());
  };
  const auto at = [](std::int64_t second) { return Payment{from_unix_seconds(second), 1, "", 0.0, Channel::web}; };
  const auto noon = stateless(hours_of(0h), at(1'700'049'600));  // 2023-11-15 12:00 UTC, a Wednesday
  CHECK(noon[0] == Approx(0.0F).margin(1e-6));
  CHECK(noon[1] == Approx(-1.0F));
  CHECK(noon[2] == Approx(std::sin(2.0 * 6.283185307179586 / 7.0)));
  CHECK(noon[3] == Approx(std::cos(2.0 * 6.283185307179586 / 7.0)));
  CHECK(stateless(hours_of(-6h), at(1'700'049'600))[0] == Approx(1.0F));                                     // 6:00 there
  CHECK(stateless(hours_of(14h), at(1'700'049'600))[2] == Approx(std::sin(3.0 * 6.283185307179586 / 7.0)));  // Thursday already
  const auto before = stateless(hours_of(0h), at(-1));                                                       // 23:59:59, a Wednesday
  CHECK(before[0] == Approx(std::sin(23.0 * 6.283185307179586 / 24.0)));
  CHECK(before[2] == noon[2]);
  const auto hashed = feature_set<Payment>("c", &Payment::at, hour_of_day("h"));
  CHECK(only_index(hashed, at(0)) == only_index(hashed, at(86'400 + 3599)));
  CHECK(only_index(hashed, at(0)) != only_index(hashed, at(3600)));
}

TEST_CASE("A set without a time accessor is at the epoch", "[transform][features]") {
  const auto set = untimed(numeric("amount", &Payment::amount));
  CHECK(set.time({from_unix_seconds(5), 1, "", 1.0, Channel::web}) == Time{});
  CHECK(static_form().time({from_unix_seconds(5), 1, "", 1.0, Channel::web}) == from_unix_seconds(5));
}

TEST_CASE("A wrong definition says what is wrong", "[transform][features][config]") {
  const auto amount = numeric("amount", &Payment::amount);
  CHECK_THROWS_WITH(clip(2.0F, 1.0F), "clip: lo is 2, must be <= hi");
  CHECK_THROWS_AS(clip(std::numeric_limits<float>::quiet_NaN(), 1.0F), ConfigError);
  CHECK_THROWS_AS(bucketize({}), ConfigError);
  CHECK_THROWS_WITH(bucketize({1.0F, 1.0F}), "bucketize: edge is 1, must be finite and above the one before");
  CHECK_THROWS_AS(one_hot(std::vector<std::string>{}), ConfigError);
  CHECK_THROWS_WITH(window("w", &Payment::card, 0s, count()), "window: span (us) is 0, must be in (0, 36500 days]");
  CHECK_THROWS_AS(window("w", &Payment::card, -1s, count()), ConfigError);
  CHECK_THROWS_AS(hour_of_day("h", 25h), ConfigError);
  CHECK_THROWS_WITH(untimed(amount, amount), "Schema: column is \"amount\", must be named once");
  CHECK_THROWS_WITH(untimed(numeric("", &Payment::amount)), "FeatureSet: column is \"\", must be not empty");
  CHECK_THROWS_WITH(feature_set<Payment>("", amount), "FeatureSet: name is \"\", must be not empty");
  CHECK_THROWS_AS(numeric("n", "", per_letter), ConfigError);
  CHECK_THROWS_AS(field("", &Payment::amount), ConfigError);
  CHECK_THROWS_WITH(feature_set_from<Payment>("late", {window("w", &Payment::card, 1h, count())}),
                    "FeatureSet: feature is \"w\", must be in a set with a time accessor: it depends on the event's time");
  std::vector<AnyFeature<Payment>> many;
  for (int i = 1; i <= 17; ++i) many.push_back(window("w" + to_text(i), &Payment::card, hours(24), count(), sawtooth(minutes(i))));
  CHECK_THROWS_AS(feature_set_from<Payment>("many", &Payment::at, many), ConfigError);
}
