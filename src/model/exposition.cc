#include "model/exposition.h"

#include <unordered_map>

#include "model/exposition_scanner.h"

namespace drwatch::model {
namespace {

constexpr std::string_view kCreated = "_created";

std::string_view WithoutSuffix(std::string_view name, std::string_view suffix) {
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return name;
}

// The family a sample's name belongs to, given the family's type.
std::string_view FamilyName(std::string_view name, MetricType type) {
  if (type == MetricType::kCounter) return WithoutSuffix(name, "_total");
  const std::string_view suffixes[] = {"_sum", "_count", "_bucket"};
  for (const std::string_view suffix : suffixes) {
    if (name.ends_with(suffix)) return WithoutSuffix(name, suffix);
  }
  return name;
}

// What a _created line and the samples it is about have in common.
Labels SeriesKey(const Labels& labels, MetricType type, std::string_view family) {
  const std::string_view bound = type == MetricType::kHistogram ? "le"
                                 : type == MetricType::kSummary ? "quantile"
                                                                : "";
  return (bound.empty() ? labels : labels.Without(bound)).With(kMetricName, family);
}

// Collects a page.
class PageBuilder {
 public:
  void Add(PageLine line) {
    std::visit([this](auto& part) { Take(std::move(part)); }, line);
  }
  ParsedPage Finish() {
    AssignStarts();
    return std::move(page_);
  }

 private:
  void Take(CommentLine&&) {}

  void Take(MetadataLine&& line) {
    AssignStarts();
    ParsedMetadata& metadata = MetadataOf(line.name);
    switch (line.kind) {
      case MetadataKind::kHelp:
        metadata.help = std::move(line.text);
        break;
      case MetadataKind::kType:
        metadata.type = line.type;
        break;
      case MetadataKind::kUnit:
        metadata.unit = std::move(line.text);
        break;
    }
  }

  void Take(SampleLine&& line) {
    type_ = line.type;
    if (!line.created) {
      page_.samples.push_back({std::move(line.labels), line.value, line.time, std::nullopt});
      return;
    }
    const auto start = FromSeconds(line.value);
    if (!start) return;
    const std::string_view family = WithoutSuffix(line.labels.MetricName(), kCreated);
    starts_.push_back({page_.samples.size(), SeriesKey(line.labels, type_, family), *start});
  }

  ParsedMetadata& MetadataOf(const std::string& name) {
    const auto [at, is_new] = metadata_index_.try_emplace(name, page_.metadata.size());
    if (is_new) page_.metadata.push_back({name, MetricType::kUnknown, "", ""});
    return page_.metadata[at->second];
  }

  // Of the samples since the last metadata line. As in Prometheus, the next _created line decides,
  // or the last one as long as the samples after it are of the same series.
  void AssignStarts() {
    std::size_t next = 0;
    const Start* current = nullptr;
    for (; !starts_.empty() && group_ < page_.samples.size(); ++group_) {
      ParsedSample& sample = page_.samples[group_];
      const std::string_view family = FamilyName(sample.labels.MetricName(), type_);
      const Labels key = SeriesKey(sample.labels, type_, family);
      while (next < starts_.size() && starts_[next].after <= group_) ++next;
      if (current == nullptr || current->key != key) {
        current = next < starts_.size() && starts_[next].key == key ? &starts_[next] : nullptr;
      }
      if (current != nullptr) sample.start = current->time;
    }
    group_ = page_.samples.size();
    starts_.clear();
  }

  struct Start {
    std::size_t after = 0;  // how many samples of the page stand before the line
    Labels key;
    base::Timestamp time;
  };

  ParsedPage page_;
  std::unordered_map<std::string, std::size_t> metadata_index_;
  MetricType type_ = MetricType::kUnknown;
  std::size_t group_ = 0;  // the first sample of the group
  std::vector<Start> starts_;
};

}  // namespace

std::string_view ContentType(TextFormat format) {
  return format == TextFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

base::Status ReadLines(std::string_view page, TextFormat format, const ParseLimits& limits,
                       const LineSink& sink) {
  return format == TextFormat::kOpenMetrics ? ReadOpenMetricsLines(page, limits, sink)
                                            : ReadTextLines(page, limits, sink);
}

base::Result<ParsedPage> ParseText(std::string_view page, TextFormat format,
                                   const ParseLimits& limits) {
  PageBuilder builder;
  const base::Status status =
      ReadLines(page, format, limits, [&](PageLine line) { builder.Add(std::move(line)); });
  if (!status) return base::Fail(status.error());
  return builder.Finish();
}

}  // namespace drwatch::model
