// label_replace and label_join: they make new label sets and leave the values alone.
#include <re2/re2.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "model/matcher.h"
#include "model/regex.h"
#include "promql/functions_bodies.h"

namespace drwatch::promql {
namespace {

// Far more than a label value is good for; nested calls could double it again and again.
constexpr std::size_t kMaxValueBytes = 64 << 10;

bool IsLabelName(const std::string& name) { return !name.empty() && base::IsValidUtf8(name); }

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A part of a replacement: text, or a group's number.
struct Piece {
  std::string text;
  std::optional<int> group;
};

// Reads "${name}" or "$name" after the dollar; nullopt if it is neither. Moves `at` past it.
std::optional<std::string_view> ReadName(std::string_view text, std::size_t& at) {
  const bool braces = at < text.size() && text[at] == '{';
  std::size_t begin = at + (braces ? 1 : 0);
  std::size_t end = begin;
  while (end < text.size() && IsWordByte(text[end])) ++end;
  if (end == begin) return std::nullopt;
  if (braces && (end >= text.size() || text[end] != '}')) return std::nullopt;
  at = end + (braces ? 1 : 0);
  return text.substr(begin, end - begin);
}

std::optional<int> GroupOf(std::string_view name, const RE2& regex) {
  const bool number =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const auto group = base::ParseInt(name);
    if (!group || *group > regex.NumberOfCapturingGroups()) return std::nullopt;
    return static_cast<int>(*group);
  }
  const auto& named = regex.NamedCapturingGroups();
  const auto found = named.find(std::string(name));
  return found == named.end() ? std::nullopt : std::optional<int>(found->second);
}

// Go's Regexp.Expand: $1, ${1}, $name, ${name}; $$ is a dollar; an unknown group is empty; a dollar
// with nothing of that behind it is text.
std::vector<Piece> ParseReplacement(std::string_view text, const RE2& regex) {
  std::vector<Piece> pieces;
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      plain += text[at++];
      continue;
    }
    ++at;
    if (at < text.size() && text[at] == '$') {
      plain += text[at++];
    } else if (const auto name = ReadName(text, at)) {
      if (const auto group = GroupOf(*name, regex)) {
        pieces.push_back({std::move(plain), group});
        plain.clear();
      }
    } else {
      plain += '$';
    }
  }
  pieces.push_back({std::move(plain), std::nullopt});
  return pieces;
}

struct Replacement {
  const std::string& target;
  const std::string& source;
  const RE2& regex;
  std::vector<Piece> pieces;
};

// nullopt if the value would be too long.
std::optional<model::Labels> Replaced(const model::Labels& labels, const Replacement& replacement) {
  const std::string_view value = labels.Get(replacement.source);
  const re2::StringPiece text(value.data(), value.size());
  std::vector<re2::StringPiece> groups(
      static_cast<std::size_t>(replacement.regex.NumberOfCapturingGroups()) + 1);
  if (!replacement.regex.Match(text, 0, text.size(), RE2::ANCHOR_BOTH, groups.data(),
                               static_cast<int>(groups.size()))) {
    return labels;
  }
  std::string result;
  for (const Piece& piece : replacement.pieces) {
    result += piece.text;
    if (!piece.group) continue;
    const re2::StringPiece& group = groups[static_cast<std::size_t>(*piece.group)];
    result.append(group.data(), group.size());
    if (result.size() > kMaxValueBytes) return std::nullopt;
  }
  if (result.size() > kMaxValueBytes) return std::nullopt;
  return labels.With(replacement.target, result);
}

std::optional<model::Labels> Joined(const model::Labels& labels,
                                    const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  std::size_t bytes = 0;
  for (std::size_t i = 2; i < texts.size(); ++i) {
    parts.emplace_back(labels.Get(texts[i]));
    bytes += parts.back().size() + texts[1].size();
    if (bytes > kMaxValueBytes) return std::nullopt;
  }
  return labels.With(texts[0], base::Join(parts, texts[1]));
}

std::size_t BytesOf(const model::Labels& labels) {
  std::size_t bytes = 0;
  for (const model::LabelView label : labels) bytes += label.name.size() + label.value.size();
  return bytes;
}

// The column with each row's labels changed; kept for the next evaluation.
template <typename Change>
Grid ChangeLabels(Session& session, Grid grid, const std::string& key, Change change) {
  ColumnPtr column = grid.labels->Cached<Column>(key, [&]() -> ColumnPtr {
    Column::Sets sets;
    sets.reserve(grid.rows());
    for (std::size_t row = 0; row < grid.rows(); ++row) {
      std::optional<model::Labels> changed = change(grid.labels->At(row));
      if (!changed)
        session.Fail("label value longer than " + std::to_string(kMaxValueBytes) + " bytes");
      if (!session.CheckTime() || !session.SpendBytes(BytesOf(*changed))) return nullptr;
      sets.push_back(*std::move(changed));
    }
    return std::make_shared<const Column>(std::move(sets), Uniqueness::kUnknown);
  });
  if (session.failed()) return EmptyGrid();
  grid.labels = std::move(column);
  return grid;
}

std::vector<std::string> Strings(Evaluation& evaluation, const Expr& call) {
  std::vector<std::string> texts;
  for (std::size_t i = 1; i < ArgumentCount(call); ++i) {
    texts.push_back(evaluation.EvalString(Argument(call, i)));
  }
  return texts;
}

std::string CacheKey(std::string_view function, const std::vector<std::string>& texts) {
  std::string key(function);
  for (const std::string& text : texts) key += ":" + std::to_string(text.size()) + ":" + text;
  return key;
}

}  // namespace

NodeValue LabelReplace(Evaluation& evaluation, const Expr& call) {
  const std::vector<std::string> texts = Strings(evaluation, call);
  const std::string& target = texts[0];
  RE2::Options options(RE2::Quiet);
  options.set_dot_nl(true);
  options.set_max_mem(model::Matcher::kMaxRegexBytes);
  const RE2 regex(texts[3], options);
  if (!regex.ok()) {
    evaluation.session.Fail("invalid regular expression in label_replace(): " + texts[3] + ": " +
                            model::RegexProblem(regex));
    return {EmptyGrid()};
  }
  if (!IsLabelName(target)) {
    evaluation.session.Fail("invalid destination label name in label_replace(): " + target);
    return {EmptyGrid()};
  }
  const Replacement replacement{target, texts[2], regex, ParseReplacement(texts[1], regex)};
  return {evaluation.Merge(ChangeLabels(
      evaluation.session, evaluation.EvalVector(Argument(call, 0)), CacheKey("replace", texts),
      [&](const model::Labels& labels) { return Replaced(labels, replacement); }))};
}

NodeValue LabelJoin(Evaluation& evaluation, const Expr& call) {
  const std::vector<std::string> texts = Strings(evaluation, call);
  for (std::size_t i = 2; i < texts.size(); ++i) {
    if (IsLabelName(texts[i])) continue;
    evaluation.session.Fail("invalid source label name in label_join(): " + texts[i]);
    return {EmptyGrid()};
  }
  if (!IsLabelName(texts[0])) {
    evaluation.session.Fail("invalid destination label name in label_join(): " + texts[0]);
    return {EmptyGrid()};
  }
  return {evaluation.Merge(ChangeLabels(
      evaluation.session, evaluation.EvalVector(Argument(call, 0)), CacheKey("join", texts),
      [&](const model::Labels& labels) { return Joined(labels, texts); }))};
}

}  // namespace drwatch::promql
