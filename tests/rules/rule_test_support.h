// What the tests of rules share: rules from one line of YAML, results from values.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/problem.h"
#include "model/alert.h"
#include "promql/value.h"
#include "rules/rule_file.h"

namespace drwatch::rules {

inline std::vector<RuleGroup> ParseGroups(const std::string& text,
                                          const std::string& file = "test.rules.yml") {
  config::Problems problems;
  std::vector<RuleGroup> groups = ParseRuleFile(text, file, problems);
  for (const config::Problem& problem : problems.all()) ADD_FAILURE() << problem.ToString();
  return groups;
}

// "alert: A, expr: m" -> that rule.
inline std::shared_ptr<const Rule> ParseRule(const std::string& fields) {
  const auto groups = ParseGroups("groups: [{name: g, rules: [{" + fields + "}]}]");
  return groups.at(0).rules.at(0);
}

inline std::string ErrorsOf(const std::string& text) {
  config::Problems problems;
  ParseRuleFile(text, "f.yml", problems);
  std::string all;
  for (const config::Problem& problem : problems.all()) all += problem.ToString() + "\n";
  return all;
}

inline base::Timestamp At(std::int64_t seconds) {
  // Not 1970: there a time of zero means "never".
  return base::FromUnixMillis((1'700'000'000 + seconds) * 1000);
}

inline promql::Vector VectorAt(std::initializer_list<std::pair<model::Labels, double>> elements) {
  promql::Vector vector;
  for (const auto& [labels, value] : elements) vector.push_back({labels, {}, value});
  return vector;
}

}  // namespace drwatch::rules
