#include "exporter/dead_man.h"

#include <gtest/gtest.h>

#include <atomic>

#include "support/eventually.h"
#include "support/fake_clock.h"
#include "support/log_check.h"

namespace drwatch::exporter {
namespace {

using std::chrono_literals::operator""s;
using testing::Eventually;
using testing::ExpectLog;
using testing::FakeClock;

config::DeadMan Config(const std::string& url = "http://hc.example/secret") {
  config::DeadMan config;
  config.url.value = base::Secret(url);
  config.interval = 60s;
  return config;
}

struct Fixture {
  FakeClock clock;
  std::atomic<int> calls{0}, status{200};
  std::string url, method;
  DeadMan dead_man{clock,
                   [this](const net::HttpRequest& request, base::Deadline, const base::StopToken&) {
                     url = request.url.Reveal();
                     method = request.method;
                     net::HttpOutcome outcome;
                     outcome.response.emplace().status = status;
                     ++calls;
                     return outcome;
                   }};

  double Metric(const std::string& name) const {
    for (const auto& family : dead_man.Metrics()) {
      if (family.name == name) return family.points.front().value;
    }
    return -1;
  }
  // A beat, and until what it led to is over.
  bool Beat() {
    const double before = Metric("drwatch_deadman_pings_total");
    dead_man.Beat();
    return Eventually([&] { return Metric("drwatch_deadman_pings_total") == before + 1; });
  }
};

TEST(DeadManTest, NobodyIsCalledWithoutAUrl) {
  Fixture f;
  EXPECT_FALSE(f.dead_man.Due());
  f.dead_man.Beat();
  EXPECT_TRUE(f.dead_man.Metrics().empty());
}

TEST(DeadManTest, CallsOnceAnInterval) {
  Fixture f;
  f.dead_man.Configure(Config());
  EXPECT_TRUE(f.dead_man.Due());
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.url, "http://hc.example/secret");
  EXPECT_EQ(f.method, "GET");
  EXPECT_FALSE(f.dead_man.Due());
  f.dead_man.Beat();
  f.clock.Advance(59s);
  f.dead_man.Beat();
  EXPECT_EQ(f.calls, 1);
  f.clock.Advance(1s);
  EXPECT_TRUE(f.dead_man.Due());
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.calls, 2);
  EXPECT_EQ(f.Metric("drwatch_deadman_last_ping_timestamp_seconds"),
            base::ToUnixSeconds(f.clock.Now()));
}

TEST(DeadManTest, IsSilentWithoutABeat) {
  Fixture f;
  f.dead_man.Configure(Config());
  f.clock.Advance(600s);
  EXPECT_TRUE(f.dead_man.Due());
  EXPECT_EQ(f.calls, 0);
}

TEST(DeadManTest, TriesAgainSoonAfterAFailure) {
  ExpectLog("the dead man's switch cannot be told");
  Fixture f;
  f.dead_man.Configure(Config());
  const double configured = f.Metric("drwatch_deadman_last_ping_timestamp_seconds");
  f.status = 404;
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.Metric("drwatch_deadman_failures_total"), 1);
  EXPECT_FALSE(f.dead_man.Due());
  f.clock.Advance(DeadMan::kRetry);
  EXPECT_TRUE(f.dead_man.Due());
  EXPECT_EQ(f.Metric("drwatch_deadman_last_ping_timestamp_seconds"), configured);
  f.status = 204;
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.Metric("drwatch_deadman_failures_total"), 1);
  f.clock.Advance(DeadMan::kRetry);
  EXPECT_FALSE(f.dead_man.Due()) << "the interval counts again";
}

TEST(DeadManTest, AFileThatCannotBeReadIsAFailure) {
  ExpectLog("/nowhere/url");
  Fixture f;
  config::DeadMan config = Config("");
  config.url.file = "/nowhere/url";
  f.dead_man.Configure(config);
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.calls, 0);
  EXPECT_EQ(f.Metric("drwatch_deadman_failures_total"), 1);
}

TEST(DeadManTest, AnotherUrlIsCalledAtOnce) {
  Fixture f;
  f.dead_man.Configure(Config());
  ASSERT_TRUE(f.Beat());
  f.dead_man.Configure(Config());
  EXPECT_FALSE(f.dead_man.Due()) << "the same one";
  f.dead_man.Configure(Config("http://other"));
  EXPECT_TRUE(f.dead_man.Due());
  ASSERT_TRUE(f.Beat());
  EXPECT_EQ(f.url, "http://other");
  f.dead_man.Configure({});
  EXPECT_FALSE(f.dead_man.Due());
}

}  // namespace
}  // namespace drwatch::exporter
