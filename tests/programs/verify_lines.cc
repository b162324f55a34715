// Verifies the path on each line of standard input and answers with one line: outcome, level,
// reason and what is wrong, with tabs between them. One process for thousands of artefacts.
#include <iostream>
#include <string>

#include "verify/verify.h"

int main() {
  using drwatch::verify::Verdict;
  for (std::string path; std::getline(std::cin, path);) {
    const Verdict verdict = drwatch::verify::VerifyPath(path, {});
    std::string text = verdict.ToString();
    for (char& c : text) c = c == '\n' || c == '\t' ? ' ' : c;
    std::cout << drwatch::verify::OutcomeName(verdict.outcome) << '\t'
              << static_cast<int>(verdict.level) << '\t'
              << drwatch::model::ReasonName(verdict.reason) << '\t' << text << std::endl;
  }
}
