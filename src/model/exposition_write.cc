// Writes families as the text format or OpenMetrics.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>
#include <unordered_set>

#include "base/strings.h"
#include "model/exposition.h"

namespace drwatch::model {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kInfo = "_info";
// Units that a name's last word may be, as the OpenMetrics and Prometheus naming rules list them.
constexpr std::array<std::string_view, 9> kUnits = {
    "seconds", "bytes", "ratio", "celsius", "volts", "amperes", "joules", "grams", "meters"};

// Bytes behind a cursor, grown by doubling: appending costs a bounds check a line, not a call a
// piece.
class Output {
 public:
  explicit Output(std::size_t expected) { buffer_.resize(expected); }
  // Room for `bytes` more, to be asked for before the appends below.
  void Reserve(std::size_t bytes) {
    if (buffer_.size() - at_ < bytes) buffer_.resize(2 * buffer_.size() + bytes);
  }
  void Put(char c) { buffer_[at_++] = c; }
  void Put(std::string_view text) {
    std::memcpy(buffer_.data() + at_, text.data(), text.size());
    at_ += text.size();
  }
  void PutInt(std::int64_t value) {
    char* const begin = buffer_.data() + at_;
    at_ += static_cast<std::size_t>(std::to_chars(begin, begin + 24, value).ptr - begin);
  }
  void PutDouble(double value) {
    char* const begin = buffer_.data() + at_;
    at_ += static_cast<std::size_t>(std::to_chars(begin, begin + kNumberBytes, value).ptr - begin);
  }
  std::string Take() {
    buffer_.resize(at_);
    return std::move(buffer_);
  }
  static constexpr std::size_t kNumberBytes = 40;

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

// The longest an escaped text gets: a byte that is not UTF-8 becomes the three of U+FFFD.
std::size_t EscapedBytes(std::string_view text) { return 3 * text.size(); }

std::size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return bytes <= text.size() && base::IsValidUtf8(text.substr(0, bytes)) ? bytes : 0;
}

enum class Quotes { kEscape, kKeep };

// Characters that every text may hold as they are.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0; c < 0x80; ++c) plain[c] = c != '\\' && c != '"' && c != '\n';
  return plain;
}();

// Scrapers reject a page with a byte that is not UTF-8, so those are replaced.
void PutEscaped(Output& out, std::string_view text, Quotes quotes) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t run = at;
    while (at < text.size() && kPlain[static_cast<unsigned char>(text[at])]) ++at;
    out.Put(text.substr(run, at - run));
    if (at == text.size()) return;
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const std::size_t bytes = CharacterBytes(text.substr(at));
      out.Put(bytes == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(at, bytes));
      at += std::max<std::size_t>(bytes, 1);
      continue;
    }
    if (c == '\\' || (c == '"' && quotes == Quotes::kEscape)) {
      out.Put('\\');
      out.Put(c);
    } else if (c == '\n') {
      out.Put("\\n");
    } else {
      out.Put(c);
    }
    ++at;
  }
}

void PutQuoted(Output& out, std::string_view text) {
  out.Put('"');
  PutEscaped(out, text, Quotes::kEscape);
  out.Put('"');
}

void PutName(Output& out, std::string_view name) {
  if (IsValidMetricName(name)) {
    out.Put(name);
  } else {
    PutQuoted(out, name);
  }
}

void PutValue(Output& out, double value) {
  constexpr double kExactIntegers = 1e15;
  if (std::abs(value) < kExactIntegers && value == std::trunc(value) && !std::signbit(value)) {
    out.PutInt(static_cast<std::int64_t>(value));
  } else if (std::isnan(value)) {
    out.Put("NaN");
  } else if (std::isinf(value)) {
    out.Put(value > 0 ? "+Inf" : "-Inf");
  } else {
    out.PutDouble(value);
  }
}

// Milliseconds; OpenMetrics has seconds with a fraction.
void PutTime(Output& out, base::Timestamp time, TextFormat format) {
  const std::int64_t millis = base::ToUnixMillis(time);
  out.Put(' ');
  if (format == TextFormat::kPrometheus) return out.PutInt(millis);
  const std::int64_t fraction = std::abs(millis % 1000);
  if (millis < 0 && millis > -1000) out.Put('-');
  out.PutInt(millis / 1000);
  if (fraction == 0) return;
  out.Put('.');
  out.Put(static_cast<char>('0' + fraction / 100));
  out.Put(static_cast<char>('0' + fraction / 10 % 10));
  out.Put(static_cast<char>('0' + fraction % 10));
}

// The label that tells the lines of one histogram or summary apart. Such lines keep their order,
// which is the bounds' rising one.
std::string_view BoundLabel(MetricType type) {
  if (type == MetricType::kHistogram || type == MetricType::kGaugeHistogram) return "le";
  return type == MetricType::kSummary ? "quantile" : "";
}

struct SortedPoint {
  const Labels* key = nullptr;  // of the point, or one of Group::keys
  const MetricPoint* point = nullptr;
};
// One family of the page: those of `families` with its name. The first says type and help.
struct Group {
  const MetricFamily* first = nullptr;
  std::vector<SortedPoint> points;
  std::deque<Labels> keys;  // labels without the bound, of histograms and summaries
};

void AddPoints(Group& group, const MetricFamily& family) {
  const std::string_view bound = BoundLabel(group.first->type);
  group.points.reserve(group.points.size() + family.points.size());
  for (const MetricPoint& point : family.points) {
    const Labels* key = &point.labels;
    if (!bound.empty()) key = &group.keys.emplace_back(point.labels.Without(bound));
    group.points.push_back({key, &point});
  }
}

void SortPoints(Group& group) {
  const auto less = [](const SortedPoint& a, const SortedPoint& b) { return *a.key < *b.key; };
  if (!std::is_sorted(group.points.begin(), group.points.end(), less)) {
    std::stable_sort(group.points.begin(), group.points.end(), less);
  }
}

// A deque: points hold addresses of their group's keys, so groups must never move.
std::deque<Group> GroupByName(const std::vector<MetricFamily>& families) {
  std::vector<const MetricFamily*> sorted;
  sorted.reserve(families.size());
  for (const MetricFamily& family : families) sorted.push_back(&family);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MetricFamily* a, const MetricFamily* b) { return a->name < b->name; });
  std::deque<Group> groups;
  for (const MetricFamily* const family : sorted) {
    if (groups.empty() || groups.back().first->name != family->name) {
      groups.push_back({family, {}, {}});
    }
    AddPoints(groups.back(), *family);
  }
  return groups;
}

class Writer {
 public:
  Writer(const std::vector<MetricFamily>& families, TextFormat format)
      : groups_(GroupByName(families)), format_(format), out_(ExpectedBytes()) {}

  std::string Write() {
    if (format_ == TextFormat::kOpenMetrics) {
      for (const Group& group : groups_) names_.insert(group.first->name);
    }
    for (Group& group : groups_) {
      SortPoints(group);
      WriteMetadata(*group.first);
      plain_name_ = IsValidMetricName(group.first->name);
      for (const SortedPoint& sorted : group.points) {
        WritePoint(group.first->name, *sorted.point);
      }
    }
    out_.Reserve(16);
    if (format_ == TextFormat::kOpenMetrics) out_.Put("# EOF\n");
    return out_.Take();
  }

 private:
  std::size_t ExpectedBytes() const {
    std::size_t bytes = 256;
    for (const Group& group : groups_) {
      bytes += 128 + group.points.size() * (group.first->name.size() + 96);
    }
    return bytes;
  }

  // OpenMetrics' name and type of a family. Its counters end in _total and its infos in _info,
  // which the family's name lacks; where that cannot be, the family is of unknown type, so that
  // the samples keep their names in both formats.
  std::pair<std::string_view, std::string_view> OpenMetricsName(const MetricFamily& family) {
    std::string_view suffix;
    if (family.type == MetricType::kCounter) suffix = kTotal;
    if (family.type == MetricType::kInfo) suffix = kInfo;
    const std::string_view name = family.name;
    if (suffix.empty()) return {name, MetricTypeName(family.type)};
    const std::string_view stem =
        name.substr(0, name.size() - std::min(name.size(), suffix.size()));
    if (stem.empty() || !name.ends_with(suffix) || !names_.insert(stem).second) {
      return {name, MetricTypeName(MetricType::kUnknown)};
    }
    return {stem, MetricTypeName(family.type)};
  }

  // The text format knows fewer types.
  static std::string_view TextType(MetricType type) {
    switch (type) {
      case MetricType::kCounter:
      case MetricType::kGauge:
      case MetricType::kHistogram:
      case MetricType::kSummary:
        return MetricTypeName(type);
      case MetricType::kInfo:
      case MetricType::kStateSet:
        return MetricTypeName(MetricType::kGauge);
      case MetricType::kUnknown:
      case MetricType::kGaugeHistogram:
        return "untyped";
    }
    return "untyped";
  }

  void WriteMetadata(const MetricFamily& family) {
    const bool open = format_ == TextFormat::kOpenMetrics;
    const auto [name, type] =
        open ? OpenMetricsName(family)
             : std::pair<std::string_view, std::string_view>(family.name, TextType(family.type));
    if (!family.help.empty()) {
      StartComment("# HELP ", name, EscapedBytes(family.help));
      PutEscaped(out_, family.help, open ? Quotes::kEscape : Quotes::kKeep);
      out_.Put('\n');
    }
    StartComment("# TYPE ", name, type.size());
    out_.Put(type);
    out_.Put('\n');
    const std::string_view unit = open ? UnitOf(family, name) : std::string_view();
    if (unit.empty()) return;
    StartComment("# UNIT ", name, unit.size());
    out_.Put(unit);
    out_.Put('\n');
  }

  void StartComment(std::string_view start, std::string_view name, std::size_t then_bytes) {
    out_.Reserve(16 + EscapedBytes(name) + then_bytes);
    out_.Put(start);
    PutName(out_, name);
    out_.Put(' ');
  }

  // "" if the name does not end in it, which OpenMetrics demands.
  static std::string_view UnitOf(const MetricFamily& family, std::string_view name) {
    const std::size_t word = name.rfind('_');
    if (word == std::string_view::npos || word == 0) return {};
    if (!family.unit.empty()) {
      return name.ends_with("_" + family.unit) ? std::string_view(family.unit) : std::string_view();
    }
    const std::string_view last = name.substr(word + 1);
    const bool known = std::find(kUnits.begin(), kUnits.end(), last) != kUnits.end();
    return known ? last : std::string_view();
  }

  void WritePoint(std::string_view family, const MetricPoint& point) {
    std::size_t bytes = EscapedBytes(family) + EscapedBytes(point.suffix) + 96;
    for (const LabelView label : point.labels) {
      bytes += EscapedBytes(label.name) + EscapedBytes(label.value) + 8;
    }
    out_.Reserve(bytes);
    char separator = '{';
    if (plain_name_) {
      out_.Put(family);
      out_.Put(point.suffix);
    } else {
      out_.Put('{');
      PutQuoted(out_, std::string(family) + point.suffix);
      separator = ',';
    }
    for (const LabelView label : point.labels) {
      out_.Put(separator);
      separator = ',';
      if (IsValidLabelName(label.name)) {
        out_.Put(label.name);
      } else {
        PutQuoted(out_, label.name);
      }
      out_.Put('=');
      PutQuoted(out_, label.value);
    }
    if (separator == ',') out_.Put('}');
    out_.Put(' ');
    PutValue(out_, point.value);
    if (point.time) PutTime(out_, *point.time, format_);
    out_.Put('\n');
  }

  std::deque<Group> groups_;
  TextFormat format_;
  std::unordered_set<std::string_view> names_;  // of OpenMetrics families
  bool plain_name_ = true;                      // of the family being written
  Output out_;
};

}  // namespace

std::string WriteText(const std::vector<MetricFamily>& families, TextFormat format) {
  return Writer(families, format).Write();
}

}  // namespace drwatch::model
