#include "promql/session.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace drwatch::promql {
namespace {

// Looking at the clock costs about as much as a few samples.
constexpr std::size_t kSamplesBetweenChecks = 20'000;

void AddOnce(std::vector<std::string>& list, std::string message) {
  if (std::find(list.begin(), list.end(), message) == list.end()) {
    list.push_back(std::move(message));
  }
}

void AppendKeyPart(std::string& key, std::string_view part) {
  const std::size_t bytes = part.size();
  key.append(reinterpret_cast<const char*>(&bytes), sizeof bytes).append(part);
}

}  // namespace

CachedSelection SelectionCache::Get(const std::vector<model::Matcher>& matchers) {
  std::string key;
  key.reserve(96);
  for (const model::Matcher& matcher : matchers) {
    key += static_cast<char>(matcher.type());
    AppendKeyPart(key, matcher.name());
    AppendKeyPart(key, matcher.value());
  }
  CachedSelection known = Find(key);
  const auto fresh = reader_.Refresh(known.series, matchers);
  if (fresh == known.series) return known;
  // The column stays while its series do: only new ones elsewhere were looked at.
  if (known.series == nullptr || fresh->labels != known.series->labels) {
    known.labels = std::make_shared<const Column>(fresh->labels, Uniqueness::kUnique);
  }
  known.series = fresh;
  const std::lock_guard lock(mutex_);
  Keep(std::move(key), known);
  return known;
}

CachedSelection SelectionCache::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto young = young_.find(key);
  if (young != young_.end()) return young->second;
  const auto old = old_.find(key);
  if (old == old_.end()) return {};
  const CachedSelection found = old->second;
  old_.erase(old);
  Keep(key, found);
  return found;
}

void SelectionCache::Keep(std::string key, const CachedSelection& selection) {
  if (young_.size() >= kMaxSelections || young_rows_ > kMaxRows) {
    old_ = std::exchange(young_, {});
    young_rows_ = 0;
  }
  young_rows_ += selection.labels->size();
  young_.insert_or_assign(std::move(key), selection);
}

void Session::Fail(QueryErrorKind kind, std::string message) {
  if (!error_) error_ = QueryError{kind, std::move(message)};
}

bool Session::CheckTime() {
  if (limits_.stop.stopped() || (limits_.canceled && limits_.canceled())) {
    Fail(QueryErrorKind::kCanceled, "query was canceled in expression evaluation");
  } else if (limits_.deadline.at() != base::SteadyTime::max() && limits_.deadline.Expired()) {
    Fail(QueryErrorKind::kTimeout, "query timed out in expression evaluation");
  }
  return !failed();
}

bool Session::Spend(std::size_t samples) {
  if (failed()) return false;
  samples_ += samples;
  if (samples_ > static_cast<std::size_t>(options.max_samples)) {
    Fail(QueryErrorKind::kTooManySamples,
         "query processing would load too many samples into memory in query execution");
    return false;
  }
  if (samples_ < next_check_) return true;
  next_check_ = samples_ + kSamplesBetweenChecks;
  return CheckTime();
}

std::string Session::Place(const TextRange& where) const {
  const auto begin = static_cast<std::size_t>(std::max(where.begin, 0));
  const std::string_view before = limits_.text.substr(0, begin);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = lines == 0 ? 0 : before.rfind('\n') + 1;
  return " (" + std::to_string(lines + 1) + ":" + std::to_string(begin - line_start + 1) + ")";
}

void Session::Warn(const std::string& message, const TextRange& where) {
  AddOnce(annotations_.warnings, "PromQL warning: " + message + Place(where));
}

void Session::Inform(const std::string& message, const TextRange& where) {
  AddOnce(annotations_.infos, "PromQL info: " + message + Place(where));
}

void Session::InformForcedMonotonicity(const TextRange& where, std::int64_t at, double min_bucket,
                                       double max_bucket, double max_difference) {
  auto known = std::find_if(forced_.begin(), forced_.end(), [&where](const Forced& forced) {
    return forced.where.begin == where.begin;
  });
  if (known == forced_.end()) {
    forced_.push_back({where, at, at, min_bucket, max_bucket, max_difference, 0});
    known = forced_.end() - 1;
  }
  known->first = std::min(known->first, at);
  known->last = std::max(known->last, at);
  known->min_bucket = std::min(known->min_bucket, min_bucket);
  known->max_bucket = std::max(known->max_bucket, max_bucket);
  known->max_difference = std::max(known->max_difference, max_difference);
  ++known->count;
}

Annotations Session::TakeAnnotations() {
  for (const Forced& forced : forced_) {
    char buckets[160];
    std::snprintf(buckets, sizeof buckets,
                  ", from buckets %g to %g, with a max diff of %.2g, over %lld samples from ",
                  forced.min_bucket, forced.max_bucket, forced.max_difference,
                  static_cast<long long>(forced.count));
    Inform(
        "input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)" +
            std::string(buckets) +
            base::FormatRfc3339(base::FromUnixMillis(forced.first / 1000 * 1000)) + " to " +
            base::FormatRfc3339(base::FromUnixMillis(forced.last / 1000 * 1000)),
        forced.where);
  }
  forced_.clear();
  return std::move(annotations_);
}

}  // namespace drwatch::promql
