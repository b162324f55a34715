#include "model/page_writer.h"

#include <array>
#include <cmath>

#include "base/strings.h"

namespace drwatch::model {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kInfo = "_info";
// Units that a name's last word may be, as the OpenMetrics and Prometheus naming rules list them.
constexpr std::array<std::string_view, 9> kUnits = {
    "seconds", "bytes", "ratio", "celsius", "volts", "amperes", "joules", "grams", "meters"};

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

// The text format knows fewer types.
std::string_view TextType(MetricType type) {
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

void StartComment(Output& out, std::string_view start, std::string_view name,
                  std::size_t then_bytes) {
  out.Reserve(16 + EscapedBytes(name) + then_bytes);
  out.Put(start);
  PutName(out, name);
  out.Put(' ');
}

// "" if the name does not end in it, which OpenMetrics demands.
std::string_view UnitOf(const MetricFamily& family, std::string_view name) {
  const std::size_t word = name.rfind('_');
  if (word == std::string_view::npos || word == 0) return {};
  if (!family.unit.empty()) {
    return name.ends_with("_" + family.unit) ? std::string_view(family.unit) : std::string_view();
  }
  const std::string_view last = name.substr(word + 1);
  const bool known = std::find(kUnits.begin(), kUnits.end(), last) != kUnits.end();
  return known ? last : std::string_view();
}

}  // namespace

void LineWriter::Start(std::string_view family) {
  family_ = family;
  plain_name_ = IsValidMetricName(family);
}

void LineWriter::WriteLabels(const MetricPoint& point) {
  char separator = '{';
  if (!plain_name_) {
    out_->Put('{');
    PutQuoted(*out_, std::string(family_) + point.suffix);
    separator = ',';
  }
  for (const LabelView label : point.labels) {
    out_->Put(separator);
    separator = ',';
    if (IsValidLabelName(label.name)) {
      out_->Put(label.name);
    } else {
      PutQuoted(*out_, label.name);
    }
    out_->Put('=');
    PutQuoted(*out_, label.value);
  }
  if (separator == ',') out_->Put('}');
}

void LineWriter::Write(const MetricPoint& point) {
  constexpr std::size_t kValueAndTime = 96;
  const std::size_t name_bytes = EscapedBytes(family_) + EscapedBytes(point.suffix);
  const bool same_labels = plain_name_ && labels_ != nullptr && *labels_ == point.labels;
  std::size_t labels_bytes = labels_bytes_;
  if (!same_labels) {
    labels_bytes = 0;
    for (const LabelView label : point.labels) {
      labels_bytes += EscapedBytes(label.name) + EscapedBytes(label.value) + 8;
    }
  }
  out_->Reserve(name_bytes + labels_bytes + kValueAndTime);
  if (plain_name_) {
    out_->Put(family_);
    out_->Put(point.suffix);
  }
  const std::size_t begin = out_->size();
  if (same_labels) {
    out_->Put(out_->view().substr(labels_begin_, labels_bytes_));
  } else {
    WriteLabels(point);
  }
  if (plain_name_) {
    labels_ = &point.labels;
    labels_begin_ = begin;
    labels_bytes_ = out_->size() - begin;
  }
  out_->Put(' ');
  PutValue(*out_, point.value);
  if (point.time) PutTime(*out_, *point.time, format_);
  out_->Put('\n');
}

void FamilyGroup::Add(const MetricFamily& family) {
  const std::string_view bound = BoundLabel(first_->type);
  points_.reserve(points_.size() + family.points.size());
  for (const MetricPoint& point : family.points) {
    const Labels* key = &point.labels;
    if (!bound.empty()) key = &keys_.emplace_back(point.labels.Without(bound));
    points_.push_back({key, &point});
  }
}

void FamilyGroup::WriteLines(LineWriter& lines) {
  const auto less = [](const Point& a, const Point& b) { return *a.key < *b.key; };
  if (!std::is_sorted(points_.begin(), points_.end(), less)) {
    std::stable_sort(points_.begin(), points_.end(), less);
  }
  lines.Start(first_->name);
  for (const Point& point : points_) lines.Write(*point.point);
}

std::deque<FamilyGroup> GroupByName(std::span<const MetricFamily* const> families) {
  std::vector<const MetricFamily*> sorted(families.begin(), families.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MetricFamily* a, const MetricFamily* b) { return a->name < b->name; });
  std::deque<FamilyGroup> groups;
  for (const MetricFamily* const family : sorted) {
    if (groups.empty() || groups.back().first().name != family->name) groups.emplace_back(*family);
    groups.back().Add(*family);
  }
  return groups;
}

// OpenMetrics' name and type of a family. Its counters end in _total and its infos in _info,
// which the family's name lacks; where that cannot be, the family is of unknown type, so that
// the samples keep their names in both formats.
std::pair<std::string_view, std::string_view> MetadataWriter::OpenMetricsName(
    const MetricFamily& family) {
  std::string_view suffix;
  if (family.type == MetricType::kCounter) suffix = kTotal;
  if (family.type == MetricType::kInfo) suffix = kInfo;
  const std::string_view name = family.name;
  if (suffix.empty()) return {name, MetricTypeName(family.type)};
  const std::string_view stem = name.substr(0, name.size() - std::min(name.size(), suffix.size()));
  if (stem.empty() || !name.ends_with(suffix) || !names_.insert(stem).second) {
    return {name, MetricTypeName(MetricType::kUnknown)};
  }
  return {stem, MetricTypeName(family.type)};
}

void MetadataWriter::Write(Output& out, const MetricFamily& family) {
  const bool open = format_ == TextFormat::kOpenMetrics;
  const auto [name, type] =
      open ? OpenMetricsName(family)
           : std::pair<std::string_view, std::string_view>(family.name, TextType(family.type));
  if (!family.help.empty()) {
    StartComment(out, "# HELP ", name, EscapedBytes(family.help));
    PutEscaped(out, family.help, open ? Quotes::kEscape : Quotes::kKeep);
    out.Put('\n');
  }
  StartComment(out, "# TYPE ", name, type.size());
  out.Put(type);
  out.Put('\n');
  const std::string_view unit = open ? UnitOf(family, name) : std::string_view();
  if (unit.empty()) return;
  StartComment(out, "# UNIT ", name, unit.size());
  out.Put(unit);
  out.Put('\n');
}

}  // namespace drwatch::model
