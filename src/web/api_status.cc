// The part of the API that is about the program itself: /api/v1/status.
#include <algorithm>
#include <functional>
#include <map>
#include <thread>
#include <unordered_map>

#include "base/duration.h"
#include "base/strings.h"
#include "store/reader.h"
#include "web/api.h"
#include "web/envelope.h"
#include "web/json.h"
#include "web/parameters.h"

namespace drwatch::web {
namespace {

constexpr std::int64_t kMaxTsdbLimit = 10'000;

struct Count {
  std::string name;
  std::uint64_t value = 0;
};

// The `limit` highest as Prometheus lists them.
std::string TopJson(std::vector<Count> counts, std::int64_t limit) {
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) {
    return a.value != b.value ? a.value > b.value : a.name < b.name;
  });
  std::string out = "[";
  for (std::size_t i = 0; i < counts.size() && i < static_cast<std::size_t>(limit); ++i) {
    if (i > 0) out += ',';
    out += "{\"name\":" + JsonString(counts[i].name) +
           ",\"value\":" + std::to_string(counts[i].value) + '}';
  }
  return out + "]";
}

// How many series each label value has.
class Cardinality {
 public:
  explicit Cardinality(const std::vector<model::Labels>& series) {
    for (const model::Labels& labels : series) {
      for (const model::LabelView label : labels) {
        ++series_of_[std::string(label.name)][std::string(label.value)];
      }
    }
  }
  std::size_t pairs() const {
    std::size_t count = 0;
    for (const auto& [name, values] : series_of_) count += values.size();
    return count;
  }
  std::vector<Count> Metrics() const {
    std::vector<Count> counts;
    const auto names = series_of_.find(std::string(model::kMetricName));
    if (names == series_of_.end()) return counts;
    for (const auto& [name, series] : names->second) counts.push_back({name, series});
    return counts;
  }
  std::vector<Count> ValuesPerLabel() const {
    std::vector<Count> counts;
    for (const auto& [name, values] : series_of_) counts.push_back({name, values.size()});
    return counts;
  }
  std::vector<Count> BytesPerLabel() const {
    std::vector<Count> counts;
    for (const auto& [name, values] : series_of_) {
      Count count{name, 0};
      for (const auto& [value, series] : values) count.value += value.size() * series;
      counts.push_back(std::move(count));
    }
    return counts;
  }
  std::vector<Count> SeriesPerPair() const {
    std::vector<Count> counts;
    for (const auto& [name, values] : series_of_) {
      for (const auto& [value, series] : values) counts.push_back({name + "=" + value, series});
    }
    return counts;
  }

 private:
  std::unordered_map<std::string, std::unordered_map<std::string, std::uint64_t>> series_of_;
};

}  // namespace

net::ServerResponse Api::BuildInfo(const Call&) const {
  // Grafana picks its requests by this version: from 2.24 on it sends match[] with label queries.
  constexpr std::string_view kSpokenVersion = "2.50.0";
  std::string data =
      "{\"version\":\"" + std::string(kSpokenVersion) + "+drwatch." + sources_.version;
  data += "\",\"revision\":" + JsonString(sources_.revision);
  return Success(data + R"(,"branch":"","buildUser":"","buildDate":"","goVersion":""})");
}

net::ServerResponse Api::Config(const Call&) const {
  return Success("{\"yaml\":" + JsonString(sources_.config()) + "}");
}

net::ServerResponse Api::Flags(const Call&) const {
  std::string data = "{";
  for (const auto& [name, value] : sources_.flags) {
    if (data.size() > 1) data += ',';
    data += JsonString(name) + ":" + JsonString(value);
  }
  return Success(data + "}");
}

// The keys that are about Go's runtime are there for clients that expect them.
net::ServerResponse Api::RuntimeInfo(const Call&) const {
  const RuntimeView view = sources_.runtime();
  std::string data = "{\"startTime\":" + JsonString(JsonTime(view.started));
  data += ",\"CWD\":" + JsonString(view.folder);
  data += ",\"hostname\":" + JsonString(view.host);
  data += ",\"serverTime\":" + JsonString(JsonTime(sources_.clock->Now()));
  data += std::string(",\"reloadConfigSuccess\":") + (view.reload_successful ? "true" : "false");
  data += ",\"lastConfigTime\":" + JsonString(JsonTime(view.last_reload));
  data += ",\"corruptionCount\":0,\"goroutineCount\":" + std::to_string(view.threads);
  data += ",\"GOMAXPROCS\":" + std::to_string(std::thread::hardware_concurrency());
  data += R"(,"GOMEMLIMIT":0,"GOGC":"","GODEBUG":"","storageRetention":)";
  return Success(data + JsonString(base::FormatDuration(view.retention)) + "}");
}

net::ServerResponse Api::TsdbStatus(const Call& call) const {
  std::int64_t limit = 10;
  if (const std::string_view text = call.request.Query("limit"); !text.empty()) {
    limit = base::ParseInt(text).value_or(0);
    if (limit < 1) return ApiError("bad_data", "limit must be a positive number");
    if (limit > kMaxTsdbLimit) {
      return ApiError("bad_data", "limit must not exceed " + std::to_string(kMaxTsdbLimit));
    }
  }
  const auto selection = store::Reader(*sources_.store).Refresh(nullptr, {});
  const Cardinality cardinality(*selection->labels);
  const store::StoreStats stats = sources_.store->Stats();
  const base::Timestamp now = sources_.clock->Now();
  const RuntimeView view = sources_.runtime();
  std::string data = "{\"headStats\":{\"numSeries\":" + std::to_string(selection->labels->size());
  data += ",\"numLabelPairs\":" + std::to_string(cardinality.pairs());
  data += ",\"chunkCount\":" + std::to_string(stats.chunks);
  // Nothing older is kept, and nothing from before the start.
  data += ",\"minTime\":" +
          std::to_string(base::ToUnixMillis(std::max(view.started, now - view.retention)));
  data += ",\"maxTime\":" + std::to_string(base::ToUnixMillis(now)) + "}";
  data += ",\"seriesCountByMetricName\":" + TopJson(cardinality.Metrics(), limit);
  data += ",\"labelValueCountByLabelName\":" + TopJson(cardinality.ValuesPerLabel(), limit);
  data += ",\"memoryInBytesByLabelName\":" + TopJson(cardinality.BytesPerLabel(), limit);
  data += ",\"seriesCountByLabelValuePair\":" + TopJson(cardinality.SeriesPerPair(), limit);
  return Success(data + "}");
}

}  // namespace drwatch::web
