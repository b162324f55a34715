// The cases of testdata/templates/templates.yaml: Prometheus' own, and results of promtool.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/strings.h"
#include "config/node.h"
#include "promql/engine.h"
#include "promql/parser.h"
#include "rules/rule_template.h"
#include "store/store.h"
#include "support/temp_dir.h"

namespace drwatch::rules {
namespace {

constexpr std::string_view kExternalUrl = "http://testhost:9090/path/prefix";

config::Node LoadCases() {
  config::Problems problems;
  const std::string path = testing::TestData("testdata/templates/templates.yaml");
  auto node = config::ParseYaml(testing::ReadTestFile(path), path, problems);
  EXPECT_FALSE(problems.HasErrors());
  return node.value_or(config::Node());
}

std::string Text(const config::Node& node, std::string_view key) {
  const config::Node* found = node.Find(key);
  return found == nullptr ? "" : found->scalar;
}

bool HasTag(const config::Node& node, std::string_view tag) {
  const config::Node* tags = node.Find("tags");
  if (tags == nullptr) return false;
  for (const config::Node& item : tags->items) {
    if (item.scalar == tag) return true;
  }
  return false;
}

double Number(const std::string& text) {
  if (text == ".inf") return std::numeric_limits<double>::infinity();
  if (text == "-.inf") return -std::numeric_limits<double>::infinity();
  if (text == ".nan") return std::numeric_limits<double>::quiet_NaN();
  return base::ParseDouble(text).value();
}

tmpl::Value DataValue(const config::Node& node, const std::string& type) {
  if (node.kind == config::NodeKind::kSequence) {
    tmpl::List list;
    for (const config::Node& item : node.items) list.items.push_back(DataValue(item, type));
    return tmpl::Value::Of(std::move(list));
  }
  if (type == "string") return tmpl::Value::String(node.scalar);
  if (type.starts_with("uint")) return tmpl::Value::Uint(std::stoull(node.scalar));
  if (type.starts_with("int")) return tmpl::Value::Int(std::stoll(node.scalar));
  return tmpl::Value::Float(Number(node.scalar));
}

tmpl::Value QueryResult(const config::Node* node) {
  tmpl::Values samples;
  if (node != nullptr) {
    for (const config::Node& item : node->items) {
      std::vector<std::pair<std::string, std::string>> labels;
      for (const auto& [name, value] : item.Find("labels")->entries) {
        labels.emplace_back(name.scalar, value.scalar);
      }
      samples.push_back(tmpl::MakeSample(labels, Number(Text(item, "value"))));
    }
  }
  return tmpl::MakeQueryResult(std::move(samples));
}

void RunUpstreamCase(const config::Node& node) {
  SCOPED_TRACE(Text(node, "id") + ": " + Text(node, "template"));
  tmpl::Environment environment;
  environment.now = base::FromUnixMillis(1'353'755'652'000);
  environment.external_url = kExternalUrl;
  environment.query = [&](const std::string&) -> base::Result<tmpl::Value> {
    return QueryResult(node.Find("query_result"));
  };
  const config::Node* const data = node.Find("data");
  const tmpl::Value value =
      data == nullptr ? tmpl::Value() : DataValue(*data, Text(node, "data_type"));
  const config::Node* const options = node.Find("options");
  const bool strict = options != nullptr && !options->items.empty() &&
                      options->items[0].scalar == "missingkey=error";
  const auto parsed =
      tmpl::Template::Parse("test", Text(node, "template"), tmpl::PrometheusFunctions());
  if (!parsed) {
    EXPECT_NE(node.Find("error"), nullptr) << parsed.error().ToString();
    return;
  }
  const auto result = parsed->Execute(
      value, environment,
      strict ? tmpl::Template::MissingKey::kError : tmpl::Template::MissingKey::kZero);
  if (node.Find("error") != nullptr) {
    ASSERT_FALSE(result.has_value()) << *result;
    // RE2 words its complaints in another way than Go.
    if (Text(node, "error").find("regexp") == std::string::npos) {
      EXPECT_EQ("error executing template test: " + result.error().message, Text(node, "error"));
    }
    return;
  }
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(*result, Text(node, "output"));
}

TEST(TemplateConformanceTest, PassesPrometheusCases) {
  const config::Node cases = LoadCases();
  int count = 0;
  for (const config::Node& node : cases.Find("upstream")->items) {
    if (HasTag(node, "html") || HasTag(node, "native")) continue;
    RunUpstreamCase(node);
    ++count;
  }
  EXPECT_GT(count, 50);
}

// The series of the own cases, and what `query` finds in them.
class OwnEnvironment {
 public:
  explicit OwnEnvironment(const config::Node& node) : node_(node) {
    for (const config::Node& series : node.Find("series")->items) {
      const auto description =
          promql::ParseSeriesDescription(Text(series, "series") + " " + Text(series, "values"));
      EXPECT_TRUE(description.has_value());
      const auto step = base::Duration(std::stoll(Text(series, "interval_seconds")) * 1000);
      base::Timestamp time{};
      for (const auto& value : description->values) {
        if (value) store_.Append({{description->labels, *value}}, time);
        time += step;
      }
    }
  }

  model::Labels LabelsOf(std::string_view key) const {
    model::LabelsBuilder builder;
    for (const auto& [name, value] : node_.Find(key)->entries) {
      builder.Set(name.scalar, value.scalar);
    }
    return builder.Build();
  }

  tmpl::Environment ForTemplates() const {
    tmpl::Environment environment;
    environment.external_url = Text(node_, "external_url");
    environment.query = [this](const std::string& text) { return Query(text); };
    return environment;
  }

 private:
  base::Result<tmpl::Value> Query(const std::string& text) const {
    const auto expr = promql::ParseExpr(text);
    if (!expr) return base::Fail(expr.error());
    const auto at = base::FromUnixMillis(std::stoll(Text(node_, "eval_time_seconds")) * 1000);
    const auto result = engine_.Instant(**expr, at);
    if (!result) return base::Fail(result.error().message);
    tmpl::Values samples;
    if (const auto* vector = std::get_if<promql::Vector>(&result->value)) {
      for (const auto& element : *vector) {
        std::vector<std::pair<std::string, std::string>> labels;
        for (const auto label : element.labels) {
          labels.emplace_back(label.name, label.value);
        }
        samples.push_back(tmpl::MakeSample(labels, element.value));
      }
    } else if (const auto* scalar = std::get_if<promql::Scalar>(&result->value)) {
      samples.push_back(
          tmpl::MakeSample(std::vector<std::pair<std::string, std::string>>(), scalar->value));
    }
    return tmpl::MakeQueryResult(std::move(samples));
  }

  const config::Node& node_;
  store::Store store_{{.retention = std::chrono::hours(1000)}};
  promql::Engine engine_{store_};
};

TEST(TemplateConformanceTest, ExpandsAsPromtoolDoes) {
  const config::Node cases = LoadCases();
  const config::Node& own = *cases.Find("own");
  const OwnEnvironment setup(*own.Find("environment"));
  int count = 0;
  for (const config::Node& node : own.Find("cases")->items) {
    ++count;
    SCOPED_TRACE(Text(node, "id") + ": " + Text(node, "template"));
    const auto parsed = RuleTemplate::Parse("T", Text(node, "template"));
    if (Text(node, "parse_error") == "true") {
      EXPECT_FALSE(parsed.has_value());
      continue;
    }
    ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
    const auto result =
        parsed->Expand(RuleTemplateData(setup.LabelsOf("labels"),
                                        RuleTemplateWorld::Of(setup.LabelsOf("external_labels"),
                                                              "http://mon.example:9090/path"),
                                        Number(Text(node, "value"))),
                       setup.ForTemplates());
    const std::string text = result ? *result : result.error().message;
    if (node.Find("error") == nullptr) {
      EXPECT_EQ(text, Text(node, "output"));
    } else {
      EXPECT_FALSE(result.has_value());
      const bool regex = Text(node, "error").find("regexp") != std::string::npos;
      EXPECT_TRUE(regex || text == Text(node, "error")) << text << "\n" << Text(node, "error");
    }
  }
  EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace drwatch::rules
