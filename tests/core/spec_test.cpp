#include "rtml/core/spec.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace rtml;

TEST_CASE("a specification gives the options that it names and the defaults of the others", "[core]") {
  Spec spec("logistic:optimizer=ftrl,l1=1e-6,bits=22,lazy");
  CHECK(spec.name() == "logistic");
  CHECK(spec.text("optimizer", "sgd") == "ftrl");
  CHECK(spec.number("l1", 0.0) == 1e-6);
  CHECK(spec.number("l2", 0.5) == 0.5);
  CHECK(spec.integer("bits", 18, 1, 30) == 22);
  CHECK(spec.flag("lazy"));
  CHECK_FALSE(spec.flag("eager"));
  CHECK_NOTHROW(spec.finish());
  Spec bare("mean");
  CHECK(bare.name() == "mean");
  CHECK_NOTHROW(bare.finish());
  CHECK_NOTHROW(Spec("mean:").finish());
}

TEST_CASE("flags are words, true, false, 1 or 0", "[core]") {
  Spec spec("x:a=true,b=1,c=false,d=0,e=maybe");
  CHECK(spec.flag("a"));
  CHECK(spec.flag("b"));
  CHECK_FALSE(spec.flag("c"));
  CHECK_FALSE(spec.flag("d"));
  CHECK_THROWS_WITH(spec.flag("e"), "x: e is \"maybe\", must be true or false");
}

TEST_CASE("words that nobody asked for are data", "[core]") {
  Spec spec("metric:accuracy<0.9,warm,f1>=0.5");
  CHECK(spec.flag("warm"));
  CHECK(spec.words() == std::vector<std::string>{"accuracy<0.9", "f1>=0.5"});
  CHECK(spec.words().empty());
  CHECK_NOTHROW(spec.finish());
}

TEST_CASE("a specification that is wrong says what and what is allowed", "[core][config]") {
  CHECK_THROWS_WITH(Spec(""), "specification: name is \"\", must be NAME or NAME:k=v,...");
  CHECK_THROWS_WITH(Spec(":a=1"), "specification: name is \":a=1\", must be NAME or NAME:k=v,...");
  CHECK_THROWS_WITH(Spec("x:=1"), "x: option is \"=1\", must be k=v");
  CHECK_THROWS_WITH(Spec("x:a=1,a=2"), "x: option is \"a\", must be named once");
  Spec spec("x:a=one,b=1.5,c=7,d=inf,e=1e400,f=1 ");
  CHECK_THROWS_WITH(spec.number("a", 0.0), "x: a is \"one\", must be a number");
  CHECK_THROWS_WITH(spec.integer("b", 0), "x: b is \"1.5\", must be a whole number");
  CHECK_THROWS_WITH(spec.integer("c", 0, 8, 9), "x: c is 7, must be >= 8");
  CHECK_THROWS_WITH(spec.integer("c", 0, 1, 6), "x: c is 7, must be <= 6");
  CHECK_THROWS_WITH(spec.number("d", 0.0), "x: d is \"inf\", must be a number");
  CHECK_THROWS_AS(spec.number("e", 0.0), ConfigError);
  CHECK_THROWS_AS(spec.number("f", 0.0), ConfigError);
  Spec unknown("x:rate=1,raet=2");
  unknown.number("rate", 0.0);
  unknown.flag("lazy");
  CHECK_THROWS_WITH(unknown.finish(), "x: option is \"raet\", must be one of rate, lazy");
  CHECK_THROWS_WITH(Spec("x:a=1").finish(), "x: option is \"a\", must be left out: there are none");
}

TEST_CASE("A duration is a whole number of seconds, minutes, hours or days", "[core]") {
  Spec spec("buffer:a=30s,b=90m,c=12h,d=7d,e=7");
  CHECK(spec.duration("a", rtml::seconds(0)) == rtml::seconds(30));
  CHECK(spec.duration("b", rtml::seconds(0)) == rtml::minutes(90));
  CHECK(spec.duration("c", rtml::seconds(0)) == rtml::hours(12));
  CHECK(spec.duration("d", rtml::seconds(0)) == rtml::days(7));
  CHECK(spec.duration("other", rtml::days(3)) == rtml::days(3));
  CHECK_THROWS_WITH(spec.duration("e", {}), "buffer: e is \"7\", must be a number of s, m, h or d, as in 90m or 7d");
  for (const char* none : {"", "d", "-1d", "1.5h", "7w", "7 d", "36501d", "99999999999999999999s"}) CHECK(!rtml::duration_of(none));
  CHECK(rtml::duration_of("36500d") == rtml::days(36500));
}
