// Any text is read as a file of rule unit tests or rejected with places inside it.
#include <string_view>

#include "fuzz.h"
#include "problems.h"
#include "rules/unit_test_file.h"

namespace drwatch::rules {
namespace {

void CheckFile(std::string_view text) {
  config::Problems problems;
  const UnitTestFile file = ParseUnitTestFile(text, "fuzz.yml", problems);
  fuzz::CheckProblems(problems, text);
  if (problems.HasErrors()) return;
  fuzz::Check(file.evaluation_interval > base::Duration(0), "the interval is not positive");
  for (const UnitTest& test : file.tests) {
    fuzz::Check(!test.interval || *test.interval > base::Duration(0),
                "a test's interval is not positive");
  }
}

}  // namespace
}  // namespace drwatch::rules

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::rules::CheckFile(drwatch::fuzz::Text(data, size));
  return 0;
}
