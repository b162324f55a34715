#include "template/template.h"

#include <gtest/gtest.h>

#include "template/format.h"

namespace drwatch::tmpl {
namespace {

struct Expansion {
  std::string text;
  std::string error;
};

Expansion Expand(std::string_view text, const Value& data = {}) {
  const auto parsed = Template::Parse("t", text, PrometheusFunctions());
  if (!parsed) return {{}, "parse: " + parsed.error().ToString()};
  auto result = parsed->Execute(data, {});
  if (!result) return {{}, result.error().message};
  return {*result, {}};
}

std::string Text(std::string_view text, const Value& data = {}) {
  const Expansion result = Expand(text, data);
  EXPECT_EQ(result.error, "") << text;
  return result.text;
}

std::string ParseErrorOf(std::string_view text) {
  const auto parsed = Template::Parse("t", text, PrometheusFunctions(), "{{$x := 1}}");
  return parsed ? "" : parsed.error().ToString();
}

Value Data() {
  return Value::StringMap(std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "2"}});
}

TEST(TemplateTest, ReportsTheLineAndColumnBehindThePrefix) {
  EXPECT_EQ(ParseErrorOf("{{ $y }}"), "1:4: undefined variable \"$y\"");
  EXPECT_EQ(ParseErrorOf("ok\n  {{ nosuch 1 }}"), "2:6: function \"nosuch\" not defined");
  EXPECT_EQ(ParseErrorOf("{{ $x }}"), "");
  EXPECT_NE(ParseErrorOf("a\nb {{ if true }}"), "");
}

TEST(TemplateTest, RejectsWhatGoRejects) {
  for (const std::string_view text : {"{{",
                                      "{{ 1 | }}",
                                      "{{ \"a\" | 1 }}",
                                      "{{ .a.b.. }}",
                                      "{{ nil.x }}",
                                      "{{ define }}x{{end}}",
                                      "{{ if true }}{{ define \"x\" }}{{ end }}{{ end }}",
                                      "{{ template }}",
                                      "{{ 08 }}",
                                      "{{ $x := 1 }}{{ $x.y z }}",
                                      "{{ range $i, 1 }}{{ end }}",
                                      "{{ 'ab' }}",
                                      "{{ \"\\q\" }}",
                                      "{{/* open",
                                      "{{/* a */ 1 }}",
                                      "{{ ) }}",
                                      "{{ 1 :2 }}",
                                      "{{ continue }}",
                                      "{{ 0x1g }}",
                                      "{{ define \"x\" }}1{{ end }}{{ define \"x\" }}2{{ end }}"}) {
    EXPECT_TRUE(Expand(text).error.starts_with("parse: ")) << text;
  }
}

TEST(TemplateTest, TrimsOnlyNextToMarkers) {
  EXPECT_EQ(Text("a  {{- 1 -}}  b {{ 2 }} c"), "a1b 2 c");
  EXPECT_EQ(Text("a \n{{- /* gone */ -}}\n b"), "ab");
  EXPECT_EQ(Text("a {{/* gone */}} b"), "a  b");
}

TEST(TemplateTest, ScopesVariables) {
  EXPECT_EQ(Text("{{ $x := 1 }}{{ with 2 }}{{ $x = . }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}"),
            "32");
  EXPECT_EQ(Text("{{ range $i, $e := . }}{{ $i }}={{ $e }};{{ end }}", Data()), "a=1;b=2;");
  EXPECT_EQ(Text("{{ range $e := . }}{{ $e }}{{ else }}none{{ end }}", Data()), "12");
  EXPECT_EQ(Text("{{ range 3 }}{{ . }}{{ end }}"), "012");
  EXPECT_EQ(Text("{{ $n := 0 }}{{ range 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ $n = . }}{{ end "
                 "}}{{ $n }}"),
            "2");
}

TEST(TemplateTest, CallsDefinedTemplates) {
  EXPECT_EQ(Text("{{ define \"a\" }}<{{ . }}>{{ end }}{{ template \"a\" 1 }}{{ template \"a\" }}"),
            "<1><<no value>>");
  EXPECT_EQ(Text("{{ block \"b\" 5 }}[{{ . }}]{{ end }}{{ template \"b\" 6 }}"), "[5][6]");
  EXPECT_EQ(Text("{{ with \"\" }}1{{ else with 2 }}{{ . }}{{ end }}"), "2");
  EXPECT_EQ(Text("{{ if false }}1{{ else if false }}2{{ else }}3{{ end }}"), "3");
}

TEST(TemplateTest, EndsEndlessRecursion) {
  EXPECT_NE(Expand("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" }}")
                .error.find("exceeded maximum template depth"),
            std::string::npos);
  std::string nested = "{{ define \"a\" }}";
  for (int i = 0; i < 150; ++i) nested += "{{ if true }}";
  nested += "{{ template \"a\" }}";
  for (int i = 0; i < 150; ++i) nested += "{{ end }}";
  nested += "{{ end }}{{ template \"a\" }}";
  EXPECT_NE(Expand(nested).error.find("exceeded maximum template depth"), std::string::npos);
}

TEST(TemplateTest, LimitsNesting) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "(";
  EXPECT_NE(Expand("{{ " + text).error.find("nested too deeply"), std::string::npos);
  text.clear();
  for (int i = 0; i < 100'000; ++i) text += "{{ if true }}";
  EXPECT_NE(Expand(text).error.find("nested too deeply"), std::string::npos);
}

TEST(TemplateTest, LimitsOutputStepsAndValues) {
  EXPECT_NE(Expand("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}").error.find("steps"),
            std::string::npos);
  EXPECT_NE(Expand("{{ range 1000 }}{{ printf \"%10000d\" 1 }}{{ end }}").error.find("longer than"),
            std::string::npos);
  EXPECT_NE(Expand("{{ $x := 1 }}{{ range 1000 }}{{ $x = args $x }}{{ end }}{{ $x }}")
                .error.find("too large"),
            std::string::npos);
  EXPECT_NE(Expand("{{ $x := \"abc\" }}{{ range 90 }}{{ $x = args $x $x }}{{ end }}{{ $x }}")
                .error.find("too large"),
            std::string::npos);
  EXPECT_NE(Expand("{{ $x := \"ab\" }}{{ range 90 }}{{ $x = print $x $x }}{{ end }}{{ $x }}")
                .error.find("too large"),
            std::string::npos);
}

TEST(TemplateTest, NamesTheFailingPart) {
  EXPECT_EQ(Expand("x\n {{ first 1 }}").error,
            "template: t:2:10: executing \"t\" at <1>: can't handle 1 for arg of type "
            "template.queryResult");
  EXPECT_EQ(Expand("{{ toUpper 1 }}").error,
            "template: t:1:11: executing \"t\" at <1>: expected string; found 1");
  EXPECT_EQ(Expand("{{ 1 | toUpper }}").error,
            "template: t:1:7: executing \"t\" at <toUpper>: wrong type for value; expected string; "
            "got int");
  EXPECT_EQ(Expand("{{ .a.b }}", Data()).error,
            "template: t:1:5: executing \"t\" at <.a.b>: can't evaluate field b in type string");
  EXPECT_EQ(Expand("{{ query \"up\" }}").error,
            "template: t:1:3: executing \"t\" at <query \"up\">: error calling query: query is not "
            "available here");
}

TEST(TemplateTest, MethodsComeBeforeFields) {
  static const FunctionTable kMethods = {
      {"Twice", {{kAny, "int"}, false, [](const Values& v, const Environment&) {
                   return base::Result<Value>(Value::Int(2 * std::get<std::int64_t>(v[1].data)));
                 }}}};
  const Value value = Value::Of(Struct{"T", {{"A", Value::Int(1)}}, &kMethods});
  EXPECT_EQ(Text("{{ .A }} {{ .Twice 4 }} {{ 5 | .Twice }}", value), "1 8 10");
  EXPECT_NE(
      Expand("{{ .Twice }}", value).error.find("wrong number of args for Twice: want 1 got 0"),
      std::string::npos);
  EXPECT_NE(Expand("{{ .A 1 }}", value).error.find("A has arguments"), std::string::npos);
}

TEST(TemplateTest, ComparesAsGoDoes) {
  EXPECT_EQ(Text("{{ eq 1 2 1 }} {{ lt \"a\" \"b\" }} {{ le 1.5 1.5 }} {{ ne true false }}"),
            "true true true true");
  EXPECT_NE(Expand("{{ lt 1 1.5 }}").error.find("incompatible types"), std::string::npos);
  EXPECT_NE(Expand("{{ lt true false }}").error.find("invalid type"), std::string::npos);
}

TEST(TemplateTest, ComparesWhatHasNoKind) {
  EXPECT_NE(Expand("{{ eq . 1 }}", Data()).error.find("incompatible types"), std::string::npos);
  EXPECT_NE(Expand("{{ eq . . }}", Data()).error.find("non-comparable"), std::string::npos);
  EXPECT_EQ(Text("{{ eq .x nil }} {{ ne . nil }}", Data()), "false true");
}

TEST(TemplateTest, IndexesAndSlices) {
  EXPECT_EQ(Text("{{ index . \"a\" }}{{ index . \"zz\" }}{{ slice \"abc\" 1 }}{{ len . }}", Data()),
            "1bc2");
  EXPECT_NE(Expand("{{ index \"abc\" 3 }}").error.find("index out of range: 3"), std::string::npos);
  EXPECT_NE(Expand("{{ index \"abc\" -1 }}").error.find("out of range"), std::string::npos);
  EXPECT_NE(Expand("{{ slice \"abc\" 2 1 }}").error.find("invalid slice index"), std::string::npos);
}

TEST(TemplateTest, ReplacesAsGoDoes) {
  EXPECT_EQ(Text("{{ reReplaceAll \"a(b)?\" \"<$1>\" \"abac\" }}"), "<b><>c");
  EXPECT_EQ(Text("{{ reReplaceAll \"(x)\" \"$1y ${1}y $$\" \"x\" }}"), " xy $");
  EXPECT_EQ(Text("{{ reReplaceAll \"\" \"-\" \"hé\" }}"), "-h-é-");
  EXPECT_EQ(Text("{{ reReplaceAll \"b*\" \"-\" \"abc\" }}"), "-a-c-");
}

TEST(TemplateTest, HandlesHosts) {
  EXPECT_EQ(Text("{{ stripPort \"[::1]:80\" }} {{ stripPort \"a:b:c\" }} {{ stripDomain \"\" }}|"),
            "::1 a:b:c |");
  EXPECT_EQ(Text("{{ stripDomain \"999.1.1.1\" }} {{ stripDomain \"a.b:\" }}"), "999 a");
}

TEST(FormatTest, WritesFloatsAsGo) {
  EXPECT_EQ(FormatFloat(1e6, 'g', -1), "1e+06");
  EXPECT_EQ(FormatFloat(300000, 'g', -1), "300000");
  EXPECT_EQ(FormatFloat(0.0001, 'g', -1), "0.0001");
  EXPECT_EQ(FormatFloat(0.00001, 'g', -1), "1e-05");
  EXPECT_EQ(FormatFloat(1, 'e', -1), "1e+00");
  EXPECT_EQ(FormatFloat(3.5, 'x', -1), "0x1.cp+01");
  EXPECT_EQ(FormatFloat(1e300, 'f', 2).size(), 304U);
}

TEST(FormatTest, WritesMistakesIntoTheText) {
  EXPECT_EQ(Sprintf("%d", {Value::String("hi")}), "%!d(string=hi)");
  EXPECT_EQ(Sprintf("%s", {Value::Float(1.5)}), "%!s(float64=1.5)");
  EXPECT_EQ(Sprintf("%", {}), "%!(NOVERB)");
  EXPECT_EQ(Sprintf("%[3]d", {Value::Int(1)}), "%!d(BADINDEX)");
  EXPECT_EQ(Sprintf("%[2]d %[1]d", {Value::Int(1), Value::Int(2)}), "2 1");
  EXPECT_EQ(Sprintf("%5t|%-6v|%06.2f|%+d|% d|%#x|%08d",
                    {Value::Bool(true), Value::String("a"), Value::Float(-3.14159), Value::Int(5),
                     Value::Int(5), Value::Int(255), Value::Int(-42)}),
            " true|a     |-03.14|+5| 5|0xff|-0000042");
  EXPECT_EQ(Sprintf("% x|%#X|%#q|%#U|%+v",
                    {Value::String("hi"), Value::String("hi"), Value::String("a"), Value::Int(9731),
                     Value::Of(Struct{"T", {{"A", Value::Int(1)}}})}),
            "68 69|0X6869|`a`|U+2603 '☃'|{A:1}");
  EXPECT_EQ(Sprintf("%v %s", {Value(), Value()}), "<nil> %!s(<nil>)");
  EXPECT_EQ(Sprintf("%.2s|%q|%x",
                    {Value::String("héllo"), Value::String("a\"\n\xff"), Value::String("hé")}),
            "hé|\"a\\\"\\n\\xff\"|68c3a9");
}

TEST(FormatTest, WritesTimes) {
  const Time time{1'435'065'584'128'000'000};  // 2015-06-23 13:19:44.128
  EXPECT_EQ(PrintTime(time), "2015-06-23 13:19:44.128 +0000 UTC");
  EXPECT_EQ(FormatTime(time, "Mon Jan _2 15:04:05 MST 2006"), "Tue Jun 23 13:19:44 UTC 2015");
  EXPECT_EQ(FormatTime(time, "3:04PM 06-1-2 .000 .999999 002 -07:00 Z07:00"),
            "1:19PM 15-6-23 .128 .128 174 +00:00 Z");
  EXPECT_EQ(PrintTime(Time{-1}), "1969-12-31 23:59:59.999999999 +0000 UTC");
}

TEST(FormatTest, WritesDurations) {
  EXPECT_EQ(PrintDuration({0}), "0s");
  EXPECT_EQ(PrintDuration({1'500'000}), "1.5ms");
  EXPECT_EQ(PrintDuration({1'500}), "1.5\u00b5s");
  EXPECT_EQ(PrintDuration({-90'061'500'000'000}), "-25h1m1.5s");
  EXPECT_EQ(PrintDuration({std::numeric_limits<std::int64_t>::min()}), "-2562047h47m16.854775808s");
}

}  // namespace
}  // namespace drwatch::tmpl
