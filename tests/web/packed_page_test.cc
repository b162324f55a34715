#include "web/packed_page.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/gunzip.h"

namespace drwatch::web {
namespace {

// Two long families and a short one for each probe.
std::vector<model::MetricFamily> Families(int probe, double value) {
  model::FamilySet families;
  for (int i = 0; i < 500; ++i) {
    const model::Labels labels = {{"probe", std::to_string(probe)}, {"i", std::to_string(i)}};
    families.Gauge("load", "Help.", labels, value);
    families.Gauge("power", "Help.", labels, i);
  }
  families.Gauge("up", "Help.", {{"probe", std::to_string(probe)}}, value);
  return families.Take();
}

class PackedPageTest : public ::testing::Test {
 protected:
  PackedPageTest() {
    for (int probe = 0; probe < 5; ++probe) page_.Update(std::to_string(probe), Families(probe, 1));
  }
  std::string Make(const std::vector<model::MetricFamily>& more = {}) {
    return packed_.Make([&](const model::MetricsPage::Known& known) {
      auto pieces = page_.WritePieces(more, model::TextFormat::kPrometheus, known);
      written_ = 0;
      for (const auto& piece : pieces) written_ += piece.text.size();
      return pieces;
    });
  }
  void ExpectPage(const std::vector<model::MetricFamily>& more = {}) {
    EXPECT_EQ(testing::Gunzip(Make(more)), page_.Write(more, model::TextFormat::kPrometheus));
  }

  model::MetricsPage page_;
  PackedPage packed_;
  std::size_t written_ = 0;  // bytes of text the last page asked for
};

TEST_F(PackedPageTest, IsAlwaysThePageAsItIsNow) {
  ExpectPage();
  ExpectPage();
  EXPECT_EQ(written_, 0U);
  page_.Update("3", Families(3, 0.5));
  ExpectPage();
  EXPECT_GT(written_, 0U);
  const std::size_t whole = page_.Write({}, model::TextFormat::kPrometheus).size();
  EXPECT_LT(written_, whole * 2 / 3);
  page_.Remove("0");
  ExpectPage();
  for (int value = 0; value < 3; ++value) {
    ExpectPage({{"self", model::MetricType::kGauge, "", "", {{{}, value + 0.5, "", {}}}}});
    EXPECT_TRUE(value == 0 || written_ < 100) << written_;
  }
  for (int probe = 1; probe < 5; ++probe) page_.Remove(std::to_string(probe));
  ExpectPage();
}

TEST_F(PackedPageTest, ServesReadersAndWritersAtOnce) {
  std::vector<std::thread> threads;
  for (int reader = 0; reader < 3; ++reader) {
    threads.emplace_back([this] {
      for (int i = 0; i < 20; ++i) {
        const std::string page =
            testing::Gunzip(packed_.Make([this](const model::MetricsPage::Known& known) {
              return page_.WritePieces({}, model::TextFormat::kOpenMetrics, known);
            }));
        EXPECT_TRUE(page.starts_with("# HELP load "));
        EXPECT_TRUE(page.ends_with("\n# EOF\n"));
      }
    });
  }
  for (int i = 0; i < 40; ++i) page_.Update(std::to_string(i % 5), Families(i % 5, i));
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace drwatch::web
