#include "config/node.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include "base/sizes.h"
#include "base/strings.h"
#include "base/terminal.h"

namespace drwatch::config {
namespace {

// What a builder throws through yaml-cpp's parser; never leaves this file.
struct Abandoned {
  Position position;
  std::string message;
  std::string hint;
};
struct SecondDocument {
  Position position;
};

// How much of the limits a subtree uses up, its aliases written out.
struct Cost {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
};

Position PositionOf(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null()) return {file, 0, 0};
  return {file, mark.line + 1, mark.column + 1};
}

bool IsMergeKey(const Node& key) { return key.plain && key.scalar == "<<"; }

// Turns the parser's events into a tree. Aliases are copied in place; the limits are checked before
// each copy, so that "billion laughs" costs no more than the limits allow.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, Problems& problems, const YamlLimits& limits)
      : file_(std::move(file)), problems_(problems), limits_(limits) {}

  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw SecondDocument{PositionOf(file_, mark)};
    root_.position = PositionOf(file_, mark);
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = Begin(NodeKind::kNull, mark);
    // The parser reports an absent value where the next token stands, maybe lines below its key.
    if (!stack_.empty() && stack_.back().has_key) node.position = stack_.back().key.position;
    Complete(std::move(node), anchor, {1, 0});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Abandoned{PositionOf(file_, mark), "alias stands inside the node it refers to", {}};
    }
    Charge(found->second.second, PositionOf(file_, mark));
    Attach(Node(found->second.first));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckTag(mark, tag);
    Node node = Begin(NodeKind::kScalar, mark);
    Charge({0, value.size()}, node.position);
    node.scalar = value;
    node.plain = tag != "!" && tag != "tag:yaml.org,2002:str";
    Complete(std::move(node), anchor, {1, value.size()});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(NodeKind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(NodeKind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override {
    MergeMaps(stack_.back().node);
    Close();
  }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    Cost before;  // what was used up when the frame opened
    bool has_key = false;
    Node key;
    std::unordered_set<std::string> keys;
  };

  Node Begin(NodeKind kind, const YAML::Mark& mark) {
    Node node;
    node.kind = kind;
    node.position = PositionOf(file_, mark);
    Charge({1, 0}, node.position);
    return node;
  }

  void Charge(Cost cost, const Position& position) {
    used_.nodes += cost.nodes;
    used_.bytes += cost.bytes;
    if (used_.nodes > limits_.max_nodes || used_.bytes > limits_.max_bytes) {
      throw Abandoned{position, "the file is too large with its aliases written out",
                      "at most " + std::to_string(limits_.max_nodes) + " values and " +
                          base::FormatSize(static_cast<std::int64_t>(limits_.max_bytes))};
    }
  }

  void CheckTag(const YAML::Mark& mark, const std::string& tag) const {
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!") return;
    const std::string_view name =
        std::string_view(tag).substr(std::min(tag.size(), kStandard.size()));
    const bool known = tag.starts_with(kStandard) && name != "binary" && name != "set" &&
                       name != "omap" && name != "pairs";
    if (!known)
      throw Abandoned{PositionOf(file_, mark), "unsupported YAML tag " + base::Quote(tag), {}};
  }

  void Open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    CheckTag(mark, tag);
    Frame frame;
    frame.before = used_;
    frame.anchor = anchor;
    frame.node = Begin(kind, mark);
    if (static_cast<int>(stack_.size()) >= limits_.max_depth) {
      throw Abandoned{frame.node.position,
                      "nested more than " + std::to_string(limits_.max_depth) + " levels deep",
                      {}};
    }
    stack_.push_back(std::move(frame));
  }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    const Cost cost{used_.nodes - frame.before.nodes, used_.bytes - frame.before.bytes};
    Complete(std::move(frame.node), frame.anchor, cost);
  }

  void Complete(Node node, YAML::anchor_t anchor, Cost cost) {
    if (anchor != YAML::NullAnchor) {
      Charge(cost, node.position);  // the copy kept for aliases
      anchors_.insert_or_assign(anchor, std::pair(node, cost));
    }
    Attach(std::move(node));
  }

  void Attach(Node node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == NodeKind::kSequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      frame.key = std::move(node);
      frame.has_key = true;
    } else {
      frame.has_key = false;
      AddEntry(frame, std::move(node));
    }
  }

  void AddEntry(Frame& frame, Node value) {
    if (frame.key.kind != NodeKind::kScalar) {
      throw Abandoned{frame.key.position, "a key must be a plain word or a quoted string", {}};
    }
    if (!frame.keys.insert(frame.key.scalar).second) {
      const Node* first = frame.node.Find(frame.key.scalar);
      const std::string line = first == nullptr ? "" : std::to_string(first->position.line);
      problems_.AddError(frame.key.position, "duplicate key " + base::Quote(frame.key.scalar),
                         "it stands on line " + line + " already");
      return;
    }
    frame.node.entries.push_back({std::move(frame.key), std::move(value)});
  }

  // "<<: *base" or "<<: [*a, *b]": entries of those maps that this one does not have itself
  // (yaml.org/type/merge). Of several maps the earlier wins.
  void MergeMaps(Node& map) {
    std::vector<MapEntry> entries = std::move(map.entries);
    map.entries.clear();
    std::vector<Node> sources;
    for (auto& [key, value] : entries) {
      if (!IsMergeKey(key)) {
        map.entries.push_back({std::move(key), std::move(value)});
      } else if (value.kind == NodeKind::kSequence) {
        for (Node& item : value.items) sources.push_back(std::move(item));
      } else {
        sources.push_back(std::move(value));
      }
    }
    std::unordered_set<std::string>& keys = stack_.back().keys;
    for (Node& source : sources) {
      if (source.kind != NodeKind::kMap) {
        problems_.AddError(source.position, "\"<<\" takes a map or a list of maps");
        continue;
      }
      for (auto& [key, value] : source.entries) {
        if (!keys.insert(key.scalar).second) continue;
        map.entries.push_back({std::move(key), std::move(value)});
      }
    }
  }

  std::string file_;
  Problems& problems_;
  YamlLimits limits_;
  Node root_;
  Cost used_;
  int documents_ = 0;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::pair<Node, Cost>> anchors_;
};

// yaml-cpp takes 0x04 for the end of the file and passes other rubbish on, so it never sees any.
bool CheckBytes(std::string_view text, const std::string& file, Problems& problems) {
  Position position{file, 1, 1};
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      problems.AddError(position, "control character 0x" + base::Hex({&character, 1}),
                        "the file must be UTF-8 text");
      return false;
    }
    position.column += 1;
    if (byte == '\n') position = {file, position.line + 1, 1};
  }
  if (base::IsValidUtf8(text)) return true;
  position = {file, 1, 1};
  for (const std::string_view line : base::Split(text, '\n')) {
    if (!base::IsValidUtf8(line)) break;
    position.line += 1;
  }
  problems.AddError(position, "bytes that are not UTF-8", "save the file as UTF-8");
  return false;
}

// yaml-cpp calls a tab in the indentation many things, none of them "tab", and takes the brace of
// an unquoted ${NAME} for a map's.
std::string SyntaxHint(std::string_view text, int line) {
  const std::vector<std::string_view> lines = base::Split(text, '\n');
  for (int number = std::max(1, line - 1); number <= line; ++number) {
    if (number > static_cast<int>(lines.size())) break;
    const std::string_view content = lines[static_cast<std::size_t>(number - 1)];
    const std::string_view indent = content.substr(0, content.find_first_not_of(" \t"));
    if (indent.find('\t') != std::string_view::npos) {
      return "line " + std::to_string(number) + " is indented with a tab; YAML wants spaces";
    }
    if (number == line && content.find("${") != std::string_view::npos) {
      return "inside { } and [ ] write \"${NAME}\" in quotes";
    }
  }
  return {};
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

std::optional<Node> ParseYaml(std::string_view text, const std::string& file, Problems& problems,
                              const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    problems.AddError(
        {file, 0, 0},
        "the file is longer than " + base::FormatSize(static_cast<std::int64_t>(limits.max_bytes)));
    return std::nullopt;
  }
  if (!CheckBytes(text, file, problems)) return std::nullopt;
  const std::size_t before = problems.all().size();
  TreeBuilder builder(file, problems, limits);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    try {
      parser.HandleNextDocument(builder);
    } catch (const SecondDocument& second) {
      problems.AddWarning(second.position, "only the first YAML document of a file is read");
    }
  } catch (const Abandoned& abandoned) {
    problems.AddError(abandoned.position, abandoned.message, abandoned.hint);
  } catch (const YAML::Exception& exception) {
    const Position position = PositionOf(file, exception.mark);
    // It names one byte of a letter that takes several.
    problems.AddError(position, "bad YAML: " + base::Visible(exception.msg),
                      SyntaxHint(text, position.line));
  }
  for (std::size_t i = before; i < problems.all().size(); ++i) {
    if (problems.all()[i].kind == Problem::Kind::kError) return std::nullopt;
  }
  return builder.TakeRoot();
}

}  // namespace drwatch::config
