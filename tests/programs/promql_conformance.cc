// promql_conformance [--only-values] FILE...: runs Prometheus' engine test scripts.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string_view>

#include "programs/promql_script.h"

int main(int argc, char** argv) {
  using drwatch::testing::CheckAnnotations;
  CheckAnnotations annotations = CheckAnnotations::kYes;
  int passed = 0;
  int failed = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--only-values") {
      annotations = CheckAnnotations::kNo;
      continue;
    }
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "FAIL %s: cannot be opened\n", argv[i]);
      ++failed;
      continue;
    }
    std::ostringstream text;
    text << file.rdbuf();
    const auto result = drwatch::testing::RunScript(text.str(), annotations);
    for (const auto& failure : result.failures) {
      std::fprintf(stderr, "FAIL %s:%d %s\n", argv[i], failure.line, failure.message.c_str());
    }
    passed += result.passed;
    failed += static_cast<int>(result.failures.size());
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
