#include "model/metrics_page.h"

#include <gtest/gtest.h>

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
    }
  }

  MetricsPage page_;
};

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
