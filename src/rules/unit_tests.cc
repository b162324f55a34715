// `drwatch test rules`: files, output, JUnit.
#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "base/file.h"
#include "base/glob.h"
#include "base/strings.h"
#include "model/matcher.h"
#include "rules/rule_file.h"
#include "rules/tools.h"
#include "rules/unit_test_run.h"
#include "template/utf8.h"

namespace drwatch::rules {
namespace {

struct TestCase {
  std::string name;
  std::vector<std::string> failures;
};
struct TestSuite {
  std::string file;
  std::vector<std::string> errors;  // of the file as a whole
  std::vector<TestCase> cases;
};

// XML 1.0 has no control characters, and bytes that are no UTF-8 end its reader.
constexpr std::string_view kBadInXml = "\uFFFD";

std::string XmlEscape(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = tmpl::DecodeUtf8(text, at);
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&#34;";
        break;
      case '\n':
      case '\r':
      case '\t':
        // As they are they would become blanks in an attribute.
        result += "&#" + std::to_string(static_cast<int>(c)) + ";";
        break;
      default:
        result += c < 0x20 || c == 0xfffe || c == 0xffff ? kBadInXml : tmpl::EncodeUtf8(c);
    }
  }
  return result;
}

std::string SuiteXml(const TestSuite& suite) {
  const auto failures = std::count_if(suite.cases.begin(), suite.cases.end(),
                                      [](const TestCase& test) { return !test.failures.empty(); });
  const std::size_t errors = suite.errors.empty() ? 0 : 1;
  std::string xml = "  <testsuite name=\"" + XmlEscape(suite.file) + "\" tests=\"" +
                    std::to_string(suite.cases.size() + errors) + "\" failures=\"" +
                    std::to_string(failures) + "\" errors=\"" + std::to_string(errors) +
                    "\" skipped=\"0\">\n";
  for (const TestCase& test : suite.cases) {
    xml += "    <testcase name=\"" + XmlEscape(test.name) + "\">\n";
    for (const std::string& failure : test.failures) {
      xml += "      <failure>" + XmlEscape(failure) + "</failure>\n";
    }
    xml += "    </testcase>\n";
  }
  if (!suite.errors.empty()) {
    xml += "    <testcase name=\"file\">\n      <error>" +
           XmlEscape(base::Join(suite.errors, "\n")) + "</error>\n    </testcase>\n";
  }
  return xml + "  </testsuite>\n";
}

std::vector<std::string> ErrorsOf(const config::Problems& problems) {
  std::vector<std::string> errors;
  for (const config::Problem& problem : problems.all()) {
    if (problem.kind == config::Problem::Kind::kError) errors.push_back("  " + problem.ToString());
  }
  return errors;
}

class FileRun {
 public:
  FileRun(const std::string& path, const UnitTestOptions& options, const RE2* wanted,
          ToolOutput& output)
      : path_(path), options_(options), wanted_(wanted), output_(output) {}

  TestSuite Run() {
    suite_.file = path_;
    output_.Out("Unit Testing:  " + path_ + "\n");
    if (Prepare()) RunTests();
    std::vector<std::string> failures = suite_.errors;
    for (const TestCase& test : suite_.cases) {
      failures.insert(failures.end(), test.failures.begin(), test.failures.end());
    }
    if (failures.empty()) {
      output_.Out("  SUCCESS\n");
    } else {
      output_.status = 1;
      output_.Err("  FAILED:\n");
      for (const std::string& failure : failures) {
        output_.Err(failure + "\n");
        output_.Out("\n");
      }
    }
    output_.Out("\n");
    return std::move(suite_);
  }

 private:
  // False: the file is of no use, suite_.errors says why.
  bool Prepare() {
    const auto text = base::ReadFile(path_);
    if (!text) {
      suite_.errors.push_back("  " + text.error().ToString());
      return false;
    }
    config::Problems problems;
    file_ = ParseUnitTestFile(*text, path_, problems);
    suite_.errors = ErrorsOf(problems);
    for (std::size_t i = 0; i < file_.group_eval_order.size(); ++i) {
      if (!order_.emplace(file_.group_eval_order[i], i).second) {
        suite_.errors.push_back("  group name repeated in evaluation order: " +
                                file_.group_eval_order[i]);
      }
    }
    return suite_.errors.empty() && LoadRules();
  }

  bool LoadRules() {
    const auto folder = std::filesystem::path(path_).parent_path();
    const RuleFileOptions rule_options{options_.unknown_fields == UnknownFields::kError
                                           ? RuleFileOptions::UnknownKeys::kError
                                           : RuleFileOptions::UnknownKeys::kIgnore};
    config::Problems problems;
    std::set<std::string> seen;  // a file that several patterns match counts once
    for (const std::string& written : file_.rule_files) {
      const std::string pattern = (folder / written).lexically_normal().string();
      const auto files = base::Glob(pattern);
      if (!files) {
        problems.AddError({path_, 0, 0}, files.error().message, files.error().hint);
        continue;
      }
      if (files->empty()) output_.Err("  WARNING: no file match pattern " + pattern + "\n");
      for (const std::string& file : *files) {
        if (!seen.insert(file).second) continue;
        const auto text = base::ReadFile(file);
        if (!text) {
          problems.AddError({file, 0, 0}, text.error().message, text.error().hint);
          continue;
        }
        auto groups = ParseRuleFile(*text, file, problems, rule_options);
        std::move(groups.begin(), groups.end(), std::back_inserter(groups_));
      }
    }
    rule_errors_ = ErrorsOf(problems);
    std::stable_sort(groups_.begin(), groups_.end(), [this](const auto& a, const auto& b) {
      return Order(a.name) < Order(b.name);
    });
    return true;
  }

  std::size_t Order(const std::string& group) const {
    const auto found = order_.find(group);
    return found == order_.end() ? 0 : found->second;
  }

  void RunTests() {
    for (std::size_t i = 0; i < file_.tests.size(); ++i) {
      const UnitTest& test = file_.tests[i];
      if (wanted_ != nullptr && !RE2::PartialMatch(test.name, *wanted_)) continue;
      TestCase result{test.name.empty() ? "unnamed#" + std::to_string(i) : test.name, rule_errors_};
      if (rule_errors_.empty()) {
        result.failures = RunUnitTest(test, {file_, groups_, options_.differences});
      }
      suite_.cases.push_back(std::move(result));
    }
  }

  const std::string& path_;
  const UnitTestOptions& options_;
  const RE2* wanted_;
  ToolOutput& output_;
  TestSuite suite_;
  UnitTestFile file_;
  std::map<std::string, std::size_t> order_;
  std::vector<RuleGroup> groups_;
  std::vector<std::string> rule_errors_;
};

}  // namespace

UnitTestOutput RunUnitTests(const std::vector<std::string>& files, const UnitTestOptions& options) {
  UnitTestOutput result;
  std::unique_ptr<RE2> wanted;
  for (const std::string& pattern : options.run) {
    if (const base::Status regex = model::CheckRegex(pattern); !regex) {
      result.output.Err("--run: " + regex.error().ToString() + "\n");
      result.output.status = 1;
      return result;
    }
  }
  if (!options.run.empty()) {
    wanted = std::make_unique<RE2>("(?:" + base::Join(options.run, ")|(?:") + ")", RE2::Quiet);
  }
  result.junit = "<testsuites>\n";
  for (const std::string& file : files) {
    result.junit += SuiteXml(FileRun(file, options, wanted.get(), result.output).Run());
  }
  result.junit += "</testsuites>\n";
  return result;
}

}  // namespace drwatch::rules
