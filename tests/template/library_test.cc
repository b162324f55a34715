#include "template/library.h"

#include <gtest/gtest.h>

namespace drwatch::tmpl {
namespace {

base::Result<std::string> Expand(const std::string& text, const Library& library) {
  const auto parsed = Template::Parse("text", text, PrometheusFunctions());
  EXPECT_TRUE(parsed);
  Environment environment;
  environment.library = &library;
  return parsed->Execute(Value::String("dot"), environment);
}

TEST(LibraryTest, LendsItsTemplates) {
  Library library;
  ASSERT_TRUE(library.Add("a.tmpl",
                          "outside {{ define \"x\" }}<{{ . }}>{{ end }} {{ define \"y\" }}"
                          "{{ template \"x\" . }}{{ end }}!",
                          PrometheusFunctions()));
  EXPECT_EQ(Expand("{{ template \"y\" . }}", library), "<dot>");
  EXPECT_EQ(Expand("{{ template \"a.tmpl\" . }}", library), "outside  !");
  // A text's own come first, also for the library's.
  EXPECT_EQ(Expand("{{ define \"x\" }}own{{ end }}{{ template \"y\" . }}", library), "own");
  // The newer one counts.
  ASSERT_TRUE(library.Add("b.tmpl", "{{ define \"x\" }}new{{ end }}", PrometheusFunctions()));
  EXPECT_EQ(Expand("{{ template \"y\" . }}", library), "new");
}

TEST(LibraryTest, SaysWhereItFailed) {
  Library library;
  ASSERT_TRUE(library.Add("a.tmpl", "{{ define \"x\" }}\n\n  {{ .Nothing }}{{ end }}",
                          PrometheusFunctions()));
  const auto failed = Expand("{{ template \"x\" . }}", library);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("template: a.tmpl:3:"), std::string::npos)
      << failed.error().message;
  EXPECT_FALSE(Expand("{{ template \"unknown\" . }}", library));
  const auto bad = library.Add("bad.tmpl", "ok\n{{ define \"z\" }}{{ .x }", PrometheusFunctions());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().line, 2);
  EXPECT_EQ(library.Find("z"), nullptr);
}

TEST(LibraryTest, EndsEndlessRecursion) {
  Library library;
  ASSERT_TRUE(
      library.Add("a", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}", PrometheusFunctions()));
  EXPECT_FALSE(Expand("{{ template \"x\" . }}", library));
}

}  // namespace
}  // namespace drwatch::tmpl
