// A service that is killed goes on from its last checkpoint as if nothing had been: the stream is replayed from resume_offset().

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

using rtml::Loop;
using rtml::stream::Payment;

namespace {

struct Labelled {
  Payment payment;
  bool fraud = false;
};

Loop<Payment> open(const std::string& state) {
  using namespace rtml;
  using namespace std::chrono_literals;
  auto features = feature_set<Payment>("payments-v1", &Payment::at, numeric("amount", &Payment::amount) | log1p() | standardize(),
                                       window("card_count", &Payment::card, 1h, count()) | log1p() | standardize());
  return Loop<Payment>(features, LogisticRegression{}, {.state = state, .checkpoint_every = 1000});
}

void serve(Loop<Payment>& loop, const std::vector<Labelled>& stream, std::uint64_t until) {
  for (std::uint64_t id = loop.resume_offset(); id < until; ++id) {
    loop.predict(id, stream[id].payment);
    loop.label(id, stream[id].fraud ? 1.0F : 0.0F);
    loop.work();
  }
}

}  // namespace

int main() {
  rtml::stream::Payments generator;
  std::vector<Labelled> stream(10'000);
  for (Labelled& each : stream) generator.next(each.payment, each.fraud);

  const auto folder = std::filesystem::temp_directory_path() / "rtml-example-resume";
  std::filesystem::remove_all(folder);
  {
    Loop<Payment> loop = open(folder.string());
    serve(loop, stream, 6543);
  }  // gone without a word, as after a kill
  Loop<Payment> resumed = open(folder.string());
  fmt::print("resumed at event {}\n", resumed.resume_offset());
  serve(resumed, stream, stream.size());

  Loop<Payment> uninterrupted = open("");
  serve(uninterrupted, stream, stream.size());
  const bool equal = rtml::save(resumed.model()) == rtml::save(uninterrupted.model());
  fmt::print("model equal to an uninterrupted run, bit for bit: {}\n", equal);
  std::filesystem::remove_all(folder);
  return equal ? 0 : 1;
}
