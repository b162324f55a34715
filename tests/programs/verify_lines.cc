// Verifies the path on each line of standard input and answers with one line: outcome, level,
// reason, what is wrong, and each detail, with tabs between them. One process for thousands of
// artefacts.
#include <iostream>
#include <string>

#include "verify/verify.h"

namespace {

std::string OnOneLine(std::string text) {
  for (char& c : text) c = c == '\n' || c == '\t' ? ' ' : c;
  return text;
}

}  // namespace

int main() {
  using drwatch::verify::Verdict;
  for (std::string path; std::getline(std::cin, path);) {
    const Verdict verdict = drwatch::verify::VerifyPath(path, {});
    std::cout << drwatch::verify::OutcomeName(verdict.outcome) << '\t'
              << static_cast<int>(verdict.level) << '\t'
              << drwatch::model::ReasonName(verdict.reason) << '\t'
              << OnOneLine(verdict.ToString());
    for (const std::string& detail : verdict.details) std::cout << '\t' << OnOneLine(detail);
    std::cout << std::endl;
  }
}
