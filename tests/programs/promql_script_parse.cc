#include <re2/re2.h>

#include <cstdlib>

#include "base/duration.h"
#include "base/strings.h"
#include "programs/promql_script.h"
#include "promql/parser.h"

namespace drwatch::testing {
namespace {

std::string_view FirstWord(std::string_view line) {
  return line.substr(0, line.find_first_of(" \t"));
}

class Parser {
 public:
  explicit Parser(std::string_view text) {
    for (const std::string_view raw : base::Split(text, '\n')) {
      std::string line(base::Trim(raw));
      constexpr std::string_view kCase = "# @case ";
      names_.push_back(line.starts_with(kCase) ? line.substr(kCase.size()) : "");
      if (line.starts_with('#')) line.clear();
      lines_.push_back(std::move(line));
    }
  }

  base::Result<std::vector<ScriptCommand>> Run() {
    for (at_ = 0; at_ < lines_.size(); ++at_) {
      if (!names_[at_].empty()) name_ = names_[at_];
      const std::string line = lines_[at_];
      if (line.empty()) continue;
      base::Status done;
      if (line == "clear") {
        commands_.emplace_back(ClearCommand());
      } else if (line.starts_with("load")) {
        done = Load(line);
      } else if (line.starts_with("eval")) {
        done = Eval(line);
      } else {
        done = Wrong("unknown command");
      }
      if (!done) return base::Fail(done.error());
    }
    return std::move(commands_);
  }

 private:
  tl::unexpected<base::Error> Wrong(const std::string& what) const {
    return base::Fail(std::to_string(at_ + 1) + ": " + what);
  }

  // The next line of the block; nullopt (and nothing consumed) at its end.
  std::optional<std::string> NextOfBlock() {
    if (at_ + 1 >= lines_.size() || lines_[at_ + 1].empty()) return std::nullopt;
    return lines_[++at_];
  }

  base::Result<base::Duration> Duration(const std::string& text) const {
    auto duration = base::ParseDuration(base::Trim(text));
    if (!duration) return Wrong(duration.error().message);
    return *duration;
  }

  base::Status Load(const std::string& line) {
    static const RE2 pattern(R"(load(?:_with_nhcb)?\s+(.+))");
    std::string step_text;
    if (!RE2::FullMatch(line, pattern, &step_text)) return Wrong("bad load command");
    const auto step = Duration(step_text);
    if (!step) return base::Fail(step.error());
    LoadCommand load{*step, {}};
    while (const auto next = NextOfBlock()) {
      if (base::Status added = AddSeries(*next, load.series); !added) return added;
    }
    commands_.push_back(std::make_unique<LoadCommand>(std::move(load)));
    return {};
  }

  base::Status AddSeries(const std::string& line, std::vector<ScriptSeries>& series) const {
    auto parsed = promql::ParseSeriesDescription(line);
    if (!parsed) return Wrong(parsed.error().message);
    for (ScriptSeries& known : series) {
      if (known.labels == parsed->labels) {
        known.values = std::move(parsed->values);
        return {};
      }
    }
    series.push_back({std::move(parsed->labels), std::move(parsed->values)});
    return {};
  }

  base::Status Eval(const std::string& line) {
    static const RE2 instant(
        R"(eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+))");
    static const RE2 range(
        R"(eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+))");
    EvalCommand eval;
    eval.line = static_cast<int>(at_) + 1;
    eval.name = std::exchange(name_, {});
    std::string kind, first, second, third;
    if (RE2::FullMatch(line, instant, &kind, &first, &eval.expr)) {
      const auto at = Duration(first);
      if (!at) return base::Fail(at.error());
      eval.at = *at;
    } else if (RE2::FullMatch(line, range, &kind, &first, &second, &third, &eval.expr)) {
      auto steps = Steps(first, second, third);
      if (!steps) return base::Fail(steps.error());
      eval.range = *steps;
    } else {
      return Wrong("bad eval command");
    }
    if (kind == "fail") eval.fail = MessagePattern();
    if (kind == "warn") eval.warnings.emplace_back();
    if (kind == "info") eval.infos.emplace_back();
    eval.ordered = kind == "ordered";
    if (base::Status read = Block(eval, kind); !read) return read;
    commands_.push_back(std::make_unique<EvalCommand>(std::move(eval)));
    return {};
  }

  base::Result<ScriptSteps> Steps(const std::string& from, const std::string& to,
                                  const std::string& step) const {
    const auto a = Duration(from);
    const auto b = Duration(to);
    const auto c = Duration(step);
    for (const auto* part : {&a, &b, &c}) {
      if (!*part) return base::Fail(part->error());
    }
    if (*b < *a) return Wrong("the range ends before it starts");
    return ScriptSteps{*a, *b, *c};
  }

  base::Status Block(EvalCommand& eval, const std::string& kind) {
    while (const auto next = NextOfBlock()) {
      const std::string& line = *next;
      static const RE2 old_message(R"(expected_fail_(message|regexp)\s+(.+))");
      std::string how, text;
      if (kind == "fail" && RE2::FullMatch(line, old_message, &how, &text)) {
        (how == "message" ? eval.fail->text : eval.fail->regex) = text;
        continue;
      }
      if (FirstWord(line) == "expect") {
        if (base::Status read = Expect(line, eval); !read) return read;
        continue;
      }
      if (const auto number = Number(line)) {
        eval.scalar = number;
        continue;
      }
      if (base::Status added = AddSeries(line, eval.series); !added) return added;
      const bool single = !eval.range && !eval.window;
      if (single && eval.series.back().values.size() > 1) {
        return Wrong("an instant vector has one value a series");
      }
    }
    return {};
  }

  static std::optional<double> Number(const std::string& line) {
    if (line.find_first_of(" \t{") != std::string::npos) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(line.c_str(), &end);
    if (end == line.c_str() || *end != '\0') return std::nullopt;
    return value;
  }

  base::Status Expect(const std::string& line, EvalCommand& eval) {
    static const RE2 window(R"(expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+))");
    static const RE2 string(R"(expect\s+string\s+(.+))");
    static const RE2 condition(
        R"(expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?)");
    std::string a, b, c;
    if (RE2::FullMatch(line, window, &a, &b, &c)) {
      auto steps = Steps(a, b, c);
      if (!steps) return base::Fail(steps.error());
      eval.window = *steps;
      return {};
    }
    if (RE2::FullMatch(line, string, &a)) {
      const auto literal = promql::ParseExpr(a);
      const auto* text = literal ? std::get_if<promql::StringLiteral>(&(*literal)->node) : nullptr;
      if (text == nullptr) return Wrong("expect string needs a string literal");
      eval.text = text->value;
      return {};
    }
    if (!RE2::FullMatch(line, condition, &a, &b, &c)) return Wrong("unknown expectation");
    return Condition(a, b, std::string(base::Trim(c)), eval);
  }

  base::Status Condition(const std::string& what, const std::string& how, const std::string& text,
                         EvalCommand& eval) {
    MessagePattern pattern;
    if (how == "msg") pattern.text = text;
    if (how == "regex") pattern.regex = text;
    if (pattern.regex && !RE2(*pattern.regex, RE2::Quiet).ok()) return Wrong("bad regex");
    if (what == "ordered") eval.ordered = true;
    if (what == "no_warn") eval.no_warnings = true;
    if (what == "no_info") eval.no_infos = true;
    if (what == "warn") eval.warnings.push_back(pattern);
    if (what == "info") eval.infos.push_back(pattern);
    if (what == "fail") {
      if (eval.fail) return Wrong("two expectations of failure");
      eval.fail = pattern;
    }
    const bool both =
        (eval.no_warnings && !eval.warnings.empty()) || (eval.no_infos && !eval.infos.empty());
    if (both) return Wrong("expectations contradict each other");
    return {};
  }

  std::vector<std::string> lines_;
  std::vector<std::string> names_;
  std::size_t at_ = 0;
  std::string name_;
  std::vector<ScriptCommand> commands_;
};

}  // namespace

base::Result<std::vector<ScriptCommand>> ParseScript(std::string_view text) {
  return Parser(text).Run();
}

}  // namespace drwatch::testing
