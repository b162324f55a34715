#include "rules/rule_file.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "config/node.h"
#include "promql/parser.h"
#include "rules/source_position.h"

namespace drwatch::rules {
namespace {

using config::MapReader;
using config::Node;
using config::NodeKind;

// "1:7: rest" -> line, column, rest. A message without a place is left whole.
struct PlacedMessage {
  int line = 1;
  int column = 1;
  std::string text;
};

PlacedMessage SplitPlace(const std::string& message) {
  const std::size_t first = message.find(':');
  const std::size_t second = first == std::string::npos ? first : message.find(':', first + 1);
  if (second == std::string::npos) return {1, 1, message};
  const auto line = base::ParseInt(std::string_view(message).substr(0, first));
  const auto column =
      base::ParseInt(std::string_view(message).substr(first + 1, second - first - 1));
  if (!line || !column) return {1, 1, message};
  return {static_cast<int>(*line), static_cast<int>(*column),
          std::string(base::Trim(std::string_view(message).substr(second + 1)))};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, config::Problems& problems,
         const RuleFileOptions& options)
      : text_(text), file_(file), problems_(problems), options_(options) {}

  std::vector<RuleGroup> Run() {
    std::vector<RuleGroup> groups;
    const auto root = config::ParseYaml(text_, file_, problems_);
    if (!root || root->kind == NodeKind::kNull) return groups;
    MapReader reader(*root, problems_, "rule file");
    std::map<std::string, config::Position> names;
    for (const Node& node : Items(reader, "groups")) {
      RuleGroup group = ReadGroup(node);
      if (group.name.empty()) continue;
      const auto [known, added] = names.emplace(group.name, node.position);
      if (!added) {
        problems_.AddError(
            node.position,
            "group name " + base::Quote(group.name) + " is repeated in the same file",
            "the first one is in line " + std::to_string(known->second.line));
      }
      groups.push_back(std::move(group));
    }
    Finish(reader);
    return groups;
  }

 private:
  void Finish(MapReader& reader) {
    if (options_.unknown_keys == RuleFileOptions::UnknownKeys::kError) reader.Finish();
  }

  // The items of a list; nothing there and `null` are an empty one.
  const std::vector<Node>& Items(MapReader& reader, std::string_view key) {
    static const std::vector<Node> kNone;
    const Node* const node = reader.Take(key);
    if (node == nullptr || node->kind == NodeKind::kNull) return kNone;
    if (node->kind == NodeKind::kSequence) return node->items;
    problems_.AddError(node->position, base::Quote(key) + " must be a list");
    return kNone;
  }

  // A scalar's text; "" where there is none or it is null.
  std::string Text(MapReader& reader, std::string_view key) {
    const Node* const node = reader.Take(key);
    if (node == nullptr || node->kind == NodeKind::kNull) return {};
    std::string text;
    reader.Get(key, text);
    return text;
  }

  void ReadDuration(MapReader& reader, std::string_view key, base::Duration& out) {
    const Node* const node = reader.Take(key);
    if (node != nullptr && node->kind != NodeKind::kNull) reader.GetDuration(key, out);
  }

  RuleGroup ReadGroup(const Node& node) {
    RuleGroup group;
    group.file = file_;
    MapReader reader(node, problems_, "rule group");
    if (node.kind != NodeKind::kMap) return group;
    group.name = Text(reader, "name");
    if (group.name.empty()) {
      problems_.AddError(node.position, "rule group needs a name");
    }
    base::Duration interval{};
    ReadDuration(reader, "interval", interval);
    if (interval != base::Duration(0)) group.interval = interval;
    reader.Get("limit", group.limit);
    ReadDuration(reader, "query_offset", group.query_offset);
    const std::vector<Node>& rules = Items(reader, "rules");
    // Only alerting rules read labels as templates.
    const bool alerts = std::any_of(rules.begin(), rules.end(),
                                    [](const Node& item) { return item.Find("alert") != nullptr; });
    const std::vector<RuleText> labels =
        ReadTexts(reader, "labels", alerts ? &group.name : nullptr);
    for (const Node& item : rules) {
      if (auto rule = ReadRule(item, labels)) group.rules.push_back(std::move(rule));
    }
    Finish(reader);
    return group;
  }

  std::shared_ptr<const Rule> ReadRule(const Node& node,
                                       const std::vector<RuleText>& group_labels) {
    MapReader reader(node, problems_, "rule");
    if (node.kind != NodeKind::kMap) return nullptr;
    auto rule = std::make_shared<Rule>();
    rule->position = node.position;
    const std::size_t errors = problems_.all().size();
    const std::string record = Text(reader, "record");
    const std::string alert = Text(reader, "alert");
    if (!record.empty() && !alert.empty()) {
      problems_.AddError(node.position, "only one of \"record\" and \"alert\" may be set");
    } else if (record.empty() && alert.empty()) {
      problems_.AddError(node.position, "one of \"record\" or \"alert\" must be set");
    }
    rule->kind = alert.empty() && !record.empty() ? RuleKind::kRecording : RuleKind::kAlerting;
    rule->name = rule->kind == RuleKind::kRecording ? record : alert;
    ReadExpression(reader, *rule);
    ReadDuration(reader, "for", rule->hold);
    ReadDuration(reader, "keep_firing_for", rule->keep_firing);
    const std::string* const templates = rule->kind == RuleKind::kAlerting ? &alert : nullptr;
    rule->labels = Merged(group_labels, ReadTexts(reader, "labels", templates), templates);
    rule->annotations = ReadTexts(reader, "annotations", templates);
    if (rule->kind == RuleKind::kRecording) CheckRecording(reader, *rule);
    Finish(reader);
    return problems_.all().size() == errors ? rule : nullptr;
  }

  void ReadExpression(MapReader& reader, Rule& rule) {
    const std::string text = Text(reader, "expr");
    const Node* const node = reader.Take("expr");
    if (base::Trim(text).empty()) {
      problems_.AddError(node == nullptr ? rule.position : node->position,
                         "\"expr\" must be set in a rule");
      return;
    }
    auto expr = promql::ParseExpr(text);
    if (!expr) {
      const PlacedMessage place = SplitPlace(expr.error().message);
      problems_.AddError(PositionInScalar(text_, *node, place.line, place.column),
                         "cannot parse the expression: " + place.text, expr.error().hint);
      return;
    }
    rule.expr = std::move(*expr);
    rule.query = promql::Print(*rule.expr);
  }

  void CheckRecording(MapReader& reader, const Rule& rule) {
    const auto reject = [&](std::string_view key, bool set) {
      if (!set) return;
      problems_.AddError(reader.Take(key)->position,
                         "a recording rule cannot have " + base::Quote(key));
    };
    reject("for", rule.hold != base::Duration(0));
    reject("keep_firing_for", rule.keep_firing != base::Duration(0));
    reject("annotations", !rule.annotations.empty());
    const Node& record = *reader.Take("record");
    if (!base::IsValidUtf8(rule.name)) {
      problems_.AddError(record.position, "not a valid series name: " + base::Quote(rule.name));
    } else if (rule.name.find_first_of("{}") != std::string::npos) {
      problems_.AddError(record.position,
                         "braces in the name of the recorded series: " + base::Quote(rule.name),
                         "put selectors into \"expr\" and labels into \"labels\"");
    }
  }

  // A map of texts, sorted by name. With `alert` they are templates of that alert.
  std::vector<RuleText> ReadTexts(MapReader& reader, std::string_view key,
                                  const std::string* alert) {
    std::vector<RuleText> texts;
    const Node* const map = reader.Take(key);
    if (map == nullptr || map->kind == NodeKind::kNull) return texts;
    if (map->kind != NodeKind::kMap) {
      problems_.AddError(map->position, base::Quote(key) + " must be a map of texts");
      return texts;
    }
    for (const auto& [name, value] : map->entries) {
      if (value.kind != NodeKind::kScalar && value.kind != NodeKind::kNull) {
        problems_.AddError(value.position, base::Quote(name.scalar) + " must be text");
        continue;
      }
      CheckName(name, key);
      if (!base::IsValidUtf8(value.scalar)) {
        problems_.AddError(value.position, "not valid UTF-8: " + base::Quote(value.scalar));
      }
      texts.push_back({name.scalar, value.scalar, {}});
      if (alert != nullptr) ParseTemplate(value, *alert, texts.back());
    }
    std::sort(texts.begin(), texts.end(),
              [](const RuleText& a, const RuleText& b) { return a.name < b.name; });
    return texts;
  }

  void CheckName(const Node& name, std::string_view key) {
    const bool reserved = key == "labels" && name.scalar == model::kMetricName;
    if (!name.scalar.empty() && base::IsValidUtf8(name.scalar) && !reserved) return;
    problems_.AddError(name.position,
                       "not a valid name in " + base::Quote(key) + ": " + base::Quote(name.scalar));
  }

  void ParseTemplate(const Node& node, const std::string& alert, RuleText& text) {
    auto parsed = RuleTemplate::Parse(alert, text.text);
    if (parsed) {
      text.parsed = std::move(*parsed);
      return;
    }
    const tmpl::ParseError& error = parsed.error();
    problems_.AddError(
        PositionInScalar(text_, node, error.line, error.column),
        "cannot parse the template of " + base::Quote(text.name) + ": " + error.message);
  }

  // The rule's labels win over the group's.
  static std::vector<RuleText> Merged(const std::vector<RuleText>& group, std::vector<RuleText> own,
                                      const std::string* alert) {
    for (const RuleText& label : group) {
      const auto same = [&](const RuleText& text) { return text.name == label.name; };
      if (std::any_of(own.begin(), own.end(), same)) continue;
      own.push_back({label.name, label.text, {}});
      if (alert == nullptr) continue;
      if (auto parsed = RuleTemplate::Parse(*alert, label.text)) {
        own.back().parsed = std::move(*parsed);
      }
    }
    std::sort(own.begin(), own.end(),
              [](const RuleText& a, const RuleText& b) { return a.name < b.name; });
    return own;
  }

  std::string_view text_;
  const std::string& file_;
  config::Problems& problems_;
  const RuleFileOptions& options_;
};

}  // namespace

std::vector<RuleGroup> ParseRuleFile(std::string_view text, const std::string& file,
                                     config::Problems& problems, const RuleFileOptions& options) {
  return Reader(text, file, problems, options).Run();
}

}  // namespace drwatch::rules
