// Runs one unit test: an empty store, samples and evaluations in turn, then the expectations.
#pragma once

#include <string>
#include <vector>

#include "rules/rule.h"
#include "rules/tools.h"
#include "rules/unit_test_file.h"

namespace drwatch::rules {

struct UnitTestSetup {
  const UnitTestFile& file;
  const std::vector<RuleGroup>& groups;  // in the order of evaluation
  UnitTestOptions::Differences differences = UnitTestOptions::Differences::kWhole;
};

// What failed, one text each, indented as promtool prints it.
std::vector<std::string> RunUnitTest(const UnitTest& test, const UnitTestSetup& setup);

}  // namespace drwatch::rules
