// Any text parses or is rejected; what parses prints as text that parses to the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "promql/parser.h"

namespace drwatch::promql {
namespace {

void Check(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

void CheckPrinted(const std::string& printed, const std::string& text) {
  const auto again = ParseExpr(text);
  Check(again.has_value(), "does not parse again: " + text);
  Check(Print(**again) == printed, "prints differently: " + text);
}

void CheckExpression(std::string_view text) {
  const auto expr = ParseExpr(text);
  if (!expr) {
    Check(expr.error().message.find("parse error: ") != std::string::npos, expr.error().message);
    return;
  }
  const std::string printed = Print(**expr);
  CheckPrinted(printed, printed);
  CheckPrinted(printed, PrettyPrint(**expr));
}

}  // namespace
}  // namespace drwatch::promql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  drwatch::promql::CheckExpression(text);
  (void)drwatch::promql::ParseSelector(text);
  (void)drwatch::promql::ParseSeriesDescription(text);
  return 0;
}
