// Any text parses or is rejected with a place inside it; what parses expands or fails within the
// limits.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "template/template.h"

namespace drwatch::tmpl {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void Check(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

Value Data() {
  return Value::Of(
      Struct{"struct",
             {{"Labels", Value::StringMap(Pairs{{"a", "1"}, {"b", "x\xff y"}})},
              {"Value", Value::Float(1234.5678)},
              {"List", Value::Of(List{{Value::Int(1), Value::String("s"), Value()}})}}});
}

void CheckTemplate(std::string_view text) {
  const auto parsed =
      Template::Parse("fuzz", text, PrometheusFunctions(), "{{$labels := .Labels}}");
  if (!parsed) {
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    const ParseError& error = parsed.error();
    Check(error.line >= 1 && error.line <= lines && error.column >= 1, error.ToString());
    return;
  }
  Environment environment;
  environment.external_url = "http://host/path";
  environment.query = [](const std::string& query) -> base::Result<Value> {
    if (query.size() % 2 == 1) return base::Fail("odd");
    return MakeQueryResult({MakeSample(Pairs{{"i", "b"}}, 1), MakeSample(Pairs{{"i", "a"}}, -2.5)});
  };
  const auto result = parsed->Execute(Data(), environment);
  if (result) {
    Check(result->size() <= kMaxOutputBytes, "output is too long");
  } else {
    Check(result.error().message.starts_with("template: fuzz"), result.error().message);
  }
}

}  // namespace
}  // namespace drwatch::tmpl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drwatch::tmpl::CheckTemplate({reinterpret_cast<const char*>(data), size});
  return 0;
}
