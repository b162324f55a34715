#include "model/metrics_page.h"

#include <gtest/gtest.h>

#include <set>

#include "base/strings.h"

namespace drwatch::model {
namespace {

std::vector<MetricFamily> Up(const std::string& probe, double value) {
  FamilySet families;
  families.Gauge("up", "Whether it is up.", {{"probe", probe}}, value);
  families.Counter("runs_total", "Runs.", {{"probe", probe}}, value + 1);
  return families.Take();
}

std::vector<MetricFamily> Joined(const std::vector<std::vector<MetricFamily>>& parts) {
  std::vector<MetricFamily> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class MetricsPageTest : public testing::Test {
 protected:
  // What is written at once must be what is put together.
  void ExpectSame(const std::vector<std::vector<MetricFamily>>& parts,
                  const std::vector<MetricFamily>& more) {
    std::vector<MetricFamily> all = Joined(parts);
    all.insert(all.end(), more.begin(), more.end());
    for (const TextFormat format : {TextFormat::kPrometheus, TextFormat::kOpenMetrics}) {
      EXPECT_EQ(page_.Write(more, format), WriteText(all, format));
      EXPECT_EQ(TextOf(page_.WritePieces(more, format, KnowsNothing)), WriteText(all, format));
    }
  }
  static bool KnowsNothing(const std::string& key) {
    EXPECT_NE(key, "");
    return false;
  }
  static std::string TextOf(const std::vector<MetricsPage::Piece>& pieces) {
    std::string text;
    for (const MetricsPage::Piece& piece : pieces) text += piece.text;
    return text;
  }
  // Families of pieces that were not known from the call before, one word each.
  std::string NewFamilies(const std::vector<MetricFamily>& more = {}) {
    const auto known = [this](const std::string& key) { return known_.contains(key); };
    std::set<std::string> keys;
    std::string names;
    for (const auto& piece : page_.WritePieces(more, TextFormat::kPrometheus, known)) {
      EXPECT_EQ(piece.text.empty(), known_.contains(piece.key));
      EXPECT_TRUE(piece.key.empty() || keys.insert(piece.key).second);
      for (const std::string_view line : base::Split(piece.text, '\n')) {
        if (line.starts_with("# TYPE ")) names += std::string(base::Split(line, ' ')[2]) + " ";
      }
    }
    known_ = std::move(keys);
    return names;
  }

  MetricsPage page_;
  std::set<std::string> known_;
};

// So long that each family is a piece of its own.
std::vector<MetricFamily> Long(const std::string& probe, double load, double power) {
  FamilySet families;
  for (int i = 0; i < 2000; ++i) {
    const Labels labels = {{"probe", probe}, {"number", std::to_string(i)}};
    families.Gauge("load", "How much there is to do.", labels, load);
    families.Gauge("power", "How much it takes.", labels, power);
  }
  return families.Take();
}

TEST_F(MetricsPageTest, WritesPiecesAnewThatChanged) {
  page_.Update("a", Long("a", 1, 1));
  page_.Update("b", Long("b", 1, 1));
  EXPECT_EQ(NewFamilies(), "load power ");
  EXPECT_EQ(NewFamilies(), "");
  page_.Update("a", Long("a", 1, 1));
  EXPECT_EQ(NewFamilies(), "");
  page_.Update("b", Long("b", 1, 2));
  EXPECT_EQ(NewFamilies(), "power ");
  page_.Update("b", Long("b", 1, 1));
  EXPECT_EQ(NewFamilies(), "power ");
  page_.Remove("never there");
  EXPECT_EQ(NewFamilies(), "");
  page_.Update("c", {Long("c", 1, 1)[0]});
  EXPECT_EQ(NewFamilies(), "load ");
  page_.Remove("c");
  EXPECT_EQ(NewFamilies(), "load ");
  auto other_help = Long("a", 1, 1);
  other_help[1].help = "Not the first one, so it does not count.";
  page_.Update("a", other_help);
  EXPECT_EQ(NewFamilies(), "");
}

TEST_F(MetricsPageTest, KeepsLabelsThatMoveBetweenFamiliesApart) {
  // As many bytes, and the same lines in another order.
  page_.Update("a", {Long("a", 1, 2)[0], Long("a", 1, 2)[1]});
  EXPECT_EQ(NewFamilies(), "load power ");
  page_.Update("a", {Long("a", 1, 2)[1], Long("a", 1, 2)[0]});
  EXPECT_EQ(NewFamilies(), "load power ");
  page_.Update("a", {Long("a", 1, 2)[1]});
  EXPECT_EQ(NewFamilies(), "power ");
}

TEST_F(MetricsPageTest, WritesTheRestAnewEachTime) {
  page_.Update("a", Long("a", 1, 1));
  EXPECT_EQ(NewFamilies(Up("z", 1)), "load power runs_total up ");
  EXPECT_EQ(NewFamilies(Up("z", 1)), "runs_total up ");
  // A family of both is the rest's as long as that has it.
  EXPECT_EQ(NewFamilies({Long("z", 1, 1)[0]}), "load ");
  EXPECT_EQ(NewFamilies(), "load ");
}

TEST_F(MetricsPageTest, PutsShortFamiliesIntoOnePiece) {
  page_.Update("a", Up("a", 1));
  EXPECT_EQ(page_.WritePieces({}, TextFormat::kPrometheus, KnowsNothing).size(), 1U);
  EXPECT_EQ(page_.WritePieces({}, TextFormat::kOpenMetrics, KnowsNothing).size(), 2U);
}

TEST_F(MetricsPageTest, IsWhatIsWrittenAtOnce) {
  ExpectSame({}, {});
  page_.Update("a", Up("a", 1));
  page_.Update("b", Up("b", 0));
  ExpectSame({Up("a", 1), Up("b", 0)}, {});
  FamilySet self;
  self.Gauge("build_info", "Which build.", {{"version", "1"}}, 1);
  self.Gauge("zone", "Where \"it\" is\nand is not.", {{"name", "a\\b\n\"\xff"}}, 0.1);
  ExpectSame({Up("a", 1), Up("b", 0)}, self.families());
}

TEST_F(MetricsPageTest, MergesFamiliesOfPartsAndTheRest) {
  page_.Update("a", Up("a", 1));
  ExpectSame({Up("a", 1)}, Up("z", 2));
}

TEST_F(MetricsPageTest, TakesTheNewLinesOfAPart) {
  page_.Update("a", Up("a", 1));
  page_.Update("b", Up("b", 1));
  page_.Update("a", Up("a", 12345.5));
  ExpectSame({Up("a", 12345.5), Up("b", 1)}, {});
  page_.Update("a", {});
  ExpectSame({Up("b", 1)}, {});
}

TEST_F(MetricsPageTest, ForgetsPartsAndFamiliesWithoutLines) {
  page_.Update("a", Up("a", 1));
  page_.Update("b", Up("b", 1));
  page_.Remove("a");
  page_.Remove("never there");
  ExpectSame({Up("b", 1)}, {});
  page_.Remove("b");
  ExpectSame({}, {});
}

TEST_F(MetricsPageTest, SortsThePointsOfAPart) {
  MetricFamily family{"m", MetricType::kGauge, "", "", {}};
  for (const char* const name : {"c", "a", "b"})
    family.points.push_back({{{"n", name}}, 1, {}, {}});
  page_.Update("a", {family});
  ExpectSame({{family}}, {});
}

TEST_F(MetricsPageTest, KeepsTheBucketsOfAHistogramInOrder) {
  MetricFamily family{"h", MetricType::kHistogram, "", "", {}};
  for (const char* const bound : {"1", "5", "10", "+Inf"}) {
    family.points.push_back({{{"le", bound}}, 1, "_bucket", {}});
  }
  family.points.push_back({{}, 1, "_count", {}});
  page_.Update("a", {family});
  ExpectSame({{family}}, {});
}

TEST_F(MetricsPageTest, WritesTimesInEachFormat) {
  MetricFamily family{"m", MetricType::kGauge, "", "", {}};
  family.points.push_back({{{"n", "a"}}, 1, {}, base::FromUnixMillis(1'767'225'600'250)});
  page_.Update("a", {family});
  page_.Update("b", Up("b", 1));
  ExpectSame({{family}, Up("b", 1)}, {});
  EXPECT_NE(page_.Write({}, TextFormat::kOpenMetrics).find("1767225600.250\n"), std::string::npos);
}

}  // namespace
}  // namespace drwatch::model
