// What loading a configuration warns of, for the tests of the plan.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace drwatch::config {

// `text` is all but the receivers, and loads.
inline std::vector<std::string> Warnings(const std::string& text) {
  const std::map<std::string, std::string> environment;
  Problems problems;
  EXPECT_TRUE(ParseConfig(text + "receivers: [{name: r}]\n", "/f.yml", problems, {&environment}));
  std::vector<std::string> messages;
  for (const Problem& problem : problems.all()) messages.push_back(problem.message);
  return messages;
}

}  // namespace drwatch::config
