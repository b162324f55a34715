#include "store/store.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/strings.h"

namespace drwatch::store {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchType;

base::Timestamp At(std::int64_t seconds) { return base::FromUnixMillis(seconds * 1000); }

Matcher Match(MatchType type, std::string name, std::string value) {
  return Matcher::Make(type, std::move(name), std::move(value)).value();
}
std::vector<Matcher> Named(std::string name) {
  return {Matcher::Equal("__name__", std::move(name))};
}

// What a selector finds, as text in the order of the labels.
std::string Names(const Store& store, const std::vector<Matcher>& matchers) {
  std::vector<std::string> names;
  for (const Labels& labels : store.Series(matchers, At(0), At(1000))) {
    names.push_back(labels.ToString());
  }
  return base::Join(names, " ");
}

TEST(StoreTest, SelectsByEveryKindOfMatcher) {
  Store store;
  store.Append({{Labels{{"__name__", "up"}, {"job", "a"}}, 1},
                {Labels{{"__name__", "up"}, {"job", "b"}, {"dc", "x"}}, 1},
                {Labels{{"__name__", "down"}, {"job", "a"}}, 1}},
               At(1));
  EXPECT_EQ(Names(store, Named("up")), R"(up{dc="x", job="b"} up{job="a"})");
  EXPECT_EQ(Names(store, {Match(MatchType::kRegex, "__name__", "up|do.n")}),
            R"(down{job="a"} up{dc="x", job="b"} up{job="a"})");
  EXPECT_EQ(Names(store, {Matcher::Equal("__name__", "up"), Matcher::Equal("dc", "")}),
            R"(up{job="a"})");
  EXPECT_EQ(
      Names(store, {Matcher::Equal("__name__", "up"), Match(MatchType::kNotEqual, "dc", "x")}),
      R"(up{job="a"})");
  EXPECT_EQ(Names(store, {Match(MatchType::kNotEqual, "dc", "")}), R"(up{dc="x", job="b"})");
  EXPECT_EQ(Names(store, {Matcher::Equal("job", "a"), Match(MatchType::kNotRegex, "dc", ".+")}),
            R"(down{job="a"} up{job="a"})");
  EXPECT_EQ(Names(store, {Match(MatchType::kRegex, "job", ".*")}),
            R"(down{job="a"} up{dc="x", job="b"} up{job="a"})");
  EXPECT_EQ(Names(store, {Matcher::Equal("job", "nobody")}), "");
  EXPECT_EQ(Names(store, {Match(MatchType::kRegex, "nowhere", ".+")}), "");
}

TEST(StoreTest, ReadsInclusiveRangesAcrossChunks) {
  Store store;
  const Labels labels{{"__name__", "m"}};
  for (int i = 0; i < 1000; ++i) store.Append({{labels, i * 0.5}}, At(i));
  const auto found = store.Select(Named("m"), At(100), At(900));
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].samples.size(), 801U);
  for (int i = 0; i <= 800; ++i) {
    EXPECT_EQ(found[0].samples[static_cast<std::size_t>(i)].time, At(100 + i));
    EXPECT_EQ(found[0].samples[static_cast<std::size_t>(i)].value, (100 + i) * 0.5);
  }
  EXPECT_GE(store.Stats().chunks, 4);
}

TEST(StoreTest, RefusesOldSamplesAndIgnoresRepeatedOnes) {
  Store store;
  const Labels labels{{"__name__", "m"}};
  EXPECT_EQ(store.Append({{labels, 1}}, At(10)).appended, 1);
  const AppendReport again = store.Append({{labels, 1}}, At(10));
  EXPECT_EQ(again.appended, 0);
  EXPECT_EQ(again.out_of_order, 0);
  EXPECT_EQ(store.Append({{labels, 2}}, At(10)).out_of_order, 1);
  EXPECT_EQ(store.Append({{labels, 1}}, At(9)).out_of_order, 1);
  EXPECT_EQ(store.Stats().rejected_out_of_order, 2);
  EXPECT_EQ(store.Select(Named("m"), At(0), At(20))[0].samples.size(), 1U);
}

TEST(StoreTest, RefusesSeriesBeyondTheLimit) {
  Store store({.max_series = 2});
  const auto series = [](const char* job) {
    return NewSample{Labels{{"__name__", "m"}, {"job", job}}, 1};
  };
  const AppendReport report = store.Append({series("a"), series("b"), series("c")}, At(1));
  EXPECT_EQ(report.appended, 2);
  EXPECT_EQ(report.over_limit, 1);
  EXPECT_EQ(store.Append({series("a"), series("c")}, At(2)).over_limit, 1);
  EXPECT_EQ(store.Stats().series, 2);
  EXPECT_EQ(store.Stats().rejected_over_limit, 2);
}

TEST(StoreTest, EndsSeriesThatASourceNoLongerHas) {
  Store store;
  const Labels a{{"__name__", "m"}, {"id", "a"}};
  const Labels b{{"__name__", "m"}, {"id", "b"}};
  store.AppendFrom("probe", {{a, 1}, {b, 2}}, At(1));
  store.AppendFrom("other", {{Labels{{"__name__", "n"}}, 1}}, At(1));
  store.AppendFrom("probe", {{b, 3}}, At(2));
  auto found = store.Select(Named("m"), At(0), At(9));
  ASSERT_EQ(found.size(), 2U);
  ASSERT_EQ(found[0].samples.size(), 2U);
  EXPECT_TRUE(model::IsStaleNan(found[0].samples[1].value));
  EXPECT_EQ(found[1].samples[1].value, 3);
  store.AppendFrom("probe", {}, At(3));
  found = store.Select(Named("m"), At(0), At(9));
  EXPECT_EQ(found[0].samples.size(), 2U);  // ended once
  ASSERT_EQ(found[1].samples.size(), 3U);
  EXPECT_TRUE(model::IsStaleNan(found[1].samples[2].value));
  store.EndSource("other", At(4));
  EXPECT_TRUE(model::IsStaleNan(store.Select(Named("n"), At(0), At(9))[0].samples.back().value));
  store.EndSource("unknown", At(4));
}

TEST(StoreTest, SourceKeepsTrackOfItsSeriesAcrossReorderingAndExpiry) {
  Store store({.retention = std::chrono::seconds(100)});
  const Labels a{{"__name__", "m"}, {"id", "a"}};
  const Labels b{{"__name__", "m"}, {"id", "b"}};
  store.Append({{Labels{{"__name__", "old"}}, 1}}, At(1));
  store.AppendFrom("probe", {{a, 1}, {b, 1}}, At(100));
  store.AppendFrom("probe", {{b, 2}, {a, 2}}, At(101));
  store.DropExpired(At(150));  // takes "old", which voids remembered ids
  EXPECT_EQ(store.Stats().series, 2);
  store.AppendFrom("probe", {{b, 3}}, At(151));
  const auto found = store.Select(Named("m"), At(0), At(200));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(model::IsStaleNan(found[0].samples.back().value));
  EXPECT_EQ(found[1].samples.back().value, 3);
}

TEST(StoreTest, AValueReplacesAStaleMarkerOfTheSameTime) {
  Store store;
  const Labels m{{"__name__", "m"}};
  store.AppendFrom("old", {{m, 1}}, At(1));
  store.EndSource("old", At(2));
  EXPECT_EQ(store.AppendFrom("new", {{m, 5}}, At(2)).appended, 1);
  EXPECT_EQ(store.Select(Named("m"), At(0), At(9))[0].samples.back().value, 5);
  store.EndSource("new", At(2));  // at the time of a value: the value stays
  EXPECT_EQ(store.Select(Named("m"), At(0), At(9))[0].samples.back().value, 5);
}

TEST(StoreTest, DropsWhatIsPastTheRetention) {
  Store store({.retention = std::chrono::seconds(500)});
  const Labels kept{{"__name__", "kept"}};
  for (int i = 0; i < 1000; ++i) store.Append({{kept, 1. * i}}, At(i));
  store.Append({{Labels{{"__name__", "gone"}, {"job", "x"}}, 1}}, At(100));
  const std::int64_t before = store.Stats().memory_bytes;
  store.DropExpired(At(1000));
  EXPECT_EQ(store.Stats().series, 1);
  EXPECT_LT(store.Stats().memory_bytes, before);
  EXPECT_TRUE(store.Series(Named("gone"), At(0), At(1000)).empty());
  EXPECT_EQ(store.LabelNames({}, At(0), At(1000)), std::vector<std::string>{"__name__"});
  const auto found = store.Select(Named("kept"), At(0), At(1000));
  EXPECT_GT(found[0].samples.front().time, At(300));
  EXPECT_EQ(found[0].samples.back().time, At(999));
  store.Append({{Labels{{"__name__", "gone"}, {"job", "x"}}, 1}}, At(1001));
  EXPECT_EQ(store.Stats().series, 2);
}

TEST(StoreTest, MemoryGoesBackToNothing) {
  Store store({.retention = std::chrono::seconds(10)});
  for (int i = 0; i < 500; ++i) {
    const std::string id = "a-rather-long-value-" + std::to_string(i);
    store.Append({{Labels{{"__name__", "m"}, {"id", id}}, 1}}, At(1));
  }
  for (int i = 0; i < 300; ++i) store.Append({{Labels{{"__name__", "k"}}, 1. * i}}, At(i));
  EXPECT_GT(store.Stats().memory_bytes, 100'000);
  store.DropExpired(At(10'000));
  const StoreStats stats = store.Stats();
  EXPECT_EQ(stats.series, 0);
  EXPECT_EQ(stats.chunks, 0);
  EXPECT_LT(stats.memory_bytes, 20'000);  // the empty hash table
}

TEST(StoreTest, MovesSamplesAlongWhenTheClockIsSet) {
  for (const int step : {3600, -3600}) {
    Store store;
    const Labels m{{"__name__", "m"}};
    std::vector<std::pair<base::Timestamp, double>> expected;
    const auto samples = [&](std::string name) {
      std::vector<std::pair<base::Timestamp, double>> found;
      const std::vector<SeriesData> series =
          store.Select(Named(std::move(name)), At(0), At(1'000'000));
      for (const model::Sample& sample : series.at(0).samples) {
        found.emplace_back(sample.time, sample.value);
      }
      return found;
    };
    const int now = 100'000;
    for (int i = 0; i < 600; ++i) {  // chunks full and open, and plain samples
      store.Append({{m, i * 0.5}}, At(now - 600 + i));
      expected.push_back({At(now - 600 + i + step), i * 0.5});
    }
    // The first sample of another series was stamped with the new time already.
    const Labels fresh{{"__name__", "fresh"}};
    store.Append({{fresh, 1}}, At(now + step));
    store.Shift(At(now + step), std::chrono::seconds(step));
    EXPECT_EQ(samples("m"), expected) << step;
    EXPECT_EQ(samples("fresh").at(0).first, At(now + step));
    EXPECT_EQ(store.Append({{m, 7}}, At(now + step)).appended, 1);
    for (int i = 1; i < 300; ++i) {
      EXPECT_EQ(store.Append({{m, 0.1 * i}}, At(now + step + i)).appended, 1);
    }
    EXPECT_EQ(samples("m").size(), 900U);
  }
}

TEST(StoreTest, ListsLabelNamesAndValues) {
  Store store;
  store.Append({{Labels{{"__name__", "m"}, {"job", "b"}}, 1},
                {Labels{{"__name__", "m"}, {"job", "a"}, {"dc", "x"}}, 1},
                {Labels{{"__name__", "n"}, {"job", "c"}}, 1}},
               At(5));
  EXPECT_EQ(store.LabelNames(Named("m"), At(0), At(9)),
            (std::vector<std::string>{"__name__", "dc", "job"}));
  EXPECT_EQ(store.LabelValues("job", {}, At(0), At(9)), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(store.LabelValues("job", Named("m"), At(0), At(9)),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(store.LabelValues("job", {}, At(6), At(9)).empty());
}

TEST(StoreTest, KeepsMetadataByName) {
  Store store;
  store.SetMetadata("up", {model::MetricType::kGauge, "Old.", ""});
  store.SetMetadata("up", {model::MetricType::kGauge, "New.", ""});
  store.SetMetadata("a_total", {model::MetricType::kCounter, "A.", "s"});
  const auto metadata = store.Metadata();
  ASSERT_EQ(metadata.size(), 2U);
  EXPECT_EQ(metadata[0].first, "a_total");
  EXPECT_EQ(metadata[1].second.help, "New.");
}

// Two series of one batch always have equal values: a reader must never see them differ.
TEST(StoreTest, ReadersSeeWholeBatchesWhileSeriesComeAndGo) {
  Store store({.retention = std::chrono::seconds(50)});
  const Labels a{{"__name__", "pair"}, {"id", "a"}};
  const Labels b{{"__name__", "pair"}, {"id", "b"}};
  store.Append({{a, 0}, {b, 0}}, At(0));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i < 3000; ++i) {
      store.AppendFrom("pair", {{a, 1. * i}, {b, 1. * i}}, At(i));
      store.Append({{Labels{{"__name__", "churn"}, {"n", std::to_string(i)}}, 1}}, At(i));
      if (i % 100 == 0) store.DropExpired(At(i));
    }
    done = true;
  });
  do {
    const auto found = store.Select(Named("pair"), At(0), At(5000));
    ASSERT_EQ(found.size(), 2U);
    ASSERT_EQ(found[0].samples.back().time, found[1].samples.back().time);
    ASSERT_EQ(found[0].samples.back().value, found[1].samples.back().value);
    store.LabelValues("n", {}, At(0), At(5000));
    store.Stats();
  } while (!done);
  writer.join();
}

}  // namespace
}  // namespace drwatch::store
