// Every page of tests/testdata/exposition: validity, and each line of the valid ones.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/exposition_lines.h"
#include "support/temp_dir.h"

namespace drwatch::model {
namespace {

using nlohmann::json;

json NumberJson(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return value;
}

json LabelsJson(const Labels& labels) {
  json object = json::object();
  for (const LabelView label : labels) object[std::string(label.name)] = label.value;
  return object;
}

// A page as expected.json has it.
class Entries {
 public:
  void Add(const PageLine& line) {
    std::visit([this](const auto& part) { Take(part); }, line);
  }
  json list = json::array();
  std::vector<std::size_t> samples;  // their places in `list`
  std::size_t sample_lines = 0;      // with the _created ones, which are no samples
  std::size_t types = 0;

 private:
  void Take(const CommentLine& line) { list.push_back({{"comment", line.text}}); }
  void Take(const MetadataLine& line) {
    if (line.kind == MetadataKind::kType) ++types;
    const char* const key = line.kind == MetadataKind::kHelp   ? "help"
                            : line.kind == MetadataKind::kType ? "type"
                                                               : "unit";
    list.push_back({{key, line.text}, {"of", line.name}});
  }
  void Take(const SampleLine& line) {
    ++sample_lines;
    if (line.created) return;
    json entry = {{"series", line.series},
                  {"labels", LabelsJson(line.labels)},
                  {"value", NumberJson(line.value)}};
    if (line.time) entry["timestamp_ms"] = base::ToUnixMillis(*line.time);
    if (line.exemplar) {
      json exemplar = {{"labels", LabelsJson(line.exemplar->labels)},
                       {"value", NumberJson(line.exemplar->value)}};
      if (line.exemplar->time) exemplar["timestamp_ms"] = base::ToUnixMillis(*line.exemplar->time);
      entry["exemplars"] = json::array({exemplar});
    }
    samples.push_back(list.size());
    list.push_back(entry);
  }
};

TEST(ExpositionConformanceTest, ReadsEveryPage) {
  const std::string folder = testing::TestData("testdata/exposition/");
  const json cases = json::parse(testing::ReadTestFile(folder + "expected.json"));
  ASSERT_GT(cases.size(), 90U);
  for (const json& c : cases) {
    SCOPED_TRACE(c.at("file").get<std::string>());
    const std::string page = testing::ReadTestFile(folder + c.at("file").get<std::string>());
    const TextFormat format =
        c.at("format") == "openmetrics" ? TextFormat::kOpenMetrics : TextFormat::kPrometheus;
    Entries entries;
    const auto status =
        ReadLines(page, format, {}, [&](const PageLine& line) { entries.Add(line); });
    EXPECT_EQ(status.has_value(), c.at("valid").get<bool>())
        << (status ? "" : status.error().ToString());
    const auto parsed = ParseText(page, format);
    ASSERT_EQ(parsed.has_value(), status.has_value());
    if (!parsed) continue;
    ASSERT_EQ(parsed->samples.size(), entries.samples.size());
    for (std::size_t i = 0; i < parsed->samples.size(); ++i) {
      const ParsedSample& sample = parsed->samples[i];
      json& entry = entries.list[entries.samples[i]];
      EXPECT_EQ(LabelsJson(sample.labels), entry.at("labels"));
      if (sample.start) entry["start_timestamp_ms"] = base::ToUnixMillis(*sample.start);
    }
    if (c.contains("entries")) {
      ASSERT_EQ(entries.list.size(), c.at("entries").size());
      for (std::size_t i = 0; i < entries.list.size(); ++i) {
        EXPECT_EQ(entries.list[i], c.at("entries")[i]);
      }
    }
    if (c.contains("samples")) {
      EXPECT_EQ(entries.sample_lines, c.at("samples"));
      EXPECT_EQ(entries.types, c.at("types"));
    }
  }
}

}  // namespace
}  // namespace drwatch::model
