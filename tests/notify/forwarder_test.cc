// Forwarding with real threads and connections.
#include "notify/forwarder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "fixtures.h"
#include "support/eventually.h"
#include "support/fake_clock.h"
#include "support/fake_http_server.h"
#include "support/log_check.h"

namespace drwatch::notify {
namespace {

using testing::Eventually;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeRequest;

const base::SystemClock kClock;

config::Config Peers(const std::vector<std::string>& targets) {
  config::Config config;
  config.alertmanagers.emplace_back();
  config.alertmanagers[0].targets = targets;
  return config;
}

// How often the server was told of the alert in that state.
int Told(const FakeHttpServer& server, const std::string& name, const std::string& state) {
  int count = 0;
  for (const FakeRequest& request : server.requests()) {
    for (const auto& alert : nlohmann::json::parse(request.body)) {
      const bool over = alert.at("endsAt").get<std::string>() < base::FormatRfc3339(kClock.Now());
      count += alert.at("labels").at("alertname") == name && (state == "resolved") == over ? 1 : 0;
    }
  }
  return count;
}

TEST(ForwarderTest, TellsEachPeerOverItsOwnConnection) {
  FakeHttpServer one(FakeReply{}), two(FakeReply{});
  Forwarder forwarder({&kClock, Share(Peers({one.address(), two.address()}))});
  const base::Timestamp now = kClock.Now();
  forwarder.Accept({Firing("A", "x", now)});
  forwarder.Start();
  ASSERT_TRUE(Eventually([&] { return Told(one, "A", "firing") + Told(two, "A", "firing") == 2; }));
  forwarder.Accept({Resolved(Firing("A", "x", now), now)});
  ASSERT_TRUE(
      Eventually([&] { return Told(one, "A", "resolved") + Told(two, "A", "resolved") == 2; }));
  EXPECT_EQ(one.requests()[0].target, "/api/v2/alerts");
  EXPECT_EQ(one.connections(), 1) << "it is kept";
  forwarder.Stop(1s);
}

TEST(ForwarderTest, APeerThatHangsDelaysNoOther) {
  testing::ExpectLog("does not take alerts");
  FakeReply hang;
  hang.act = FakeReply::Act::kHang;
  FakeHttpServer stuck(hang), good(FakeReply{});
  Forwarder forwarder({&kClock, Share(Peers({stuck.address(), good.address()}))});
  forwarder.Start();
  const base::Timestamp now = kClock.Now();
  forwarder.Accept({Firing("A", "x", now)});
  ASSERT_TRUE(Eventually([&] { return stuck.requests().size() == 1; }));
  forwarder.Accept({Firing("B", "x", now)});
  ASSERT_TRUE(Eventually([&] { return Told(good, "B", "firing") == 1; }));
  EXPECT_EQ(stuck.requests().size(), 1U);
  const base::SteadyTime began = kClock.Steady();
  forwarder.Stop(100ms);
  EXPECT_LT(kClock.Steady() - began, std::chrono::seconds(5)) << "the request is broken off";
}

TEST(ForwarderTest, AFailureIsToldOnceAndSoIsItsEnd) {
  testing::ExpectLog("an Alertmanager does not take alerts");
  std::atomic<bool> broken = true;
  FakeHttpServer server([&](const FakeRequest&) {
    FakeReply reply;
    reply.status = broken ? 500 : 200;
    return reply;
  });
  Forwarder forwarder({&kClock, Share(Peers({server.address()}))});
  forwarder.Start();
  forwarder.Accept({Firing("A", "x", kClock.Now())});
  ASSERT_TRUE(Eventually([&] { return forwarder.Health()[0].failures > 0; }));
  EXPECT_EQ(forwarder.Health()[0].errors.at("server_error"), 1);
  broken = false;
  ASSERT_TRUE(Eventually([&] { return forwarder.Health()[0].sent == 1; }));
  EXPECT_EQ(forwarder.Health()[0].failures, 0);
  EXPECT_EQ(forwarder.Health()[0].last_error, "");
}

TEST(ForwarderTest, SaysWhatWasTold) {
  FakeHttpServer server(FakeReply{});
  std::mutex mutex;
  std::vector<std::string> happened;
  Forwarder::Options options{&kClock, Share(Peers({server.address()}))};
  options.on_happening = [&](const Happening& happening) {
    const std::lock_guard lock(mutex);
    happened.push_back(std::string(OccasionName(happening.attempt->occasion)) + " " +
                       happening.attempt->summary + " " + happening.attempt->outcome);
  };
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return happened.size();
  };
  Forwarder forwarder(std::move(options));
  forwarder.Start();
  const base::Timestamp now = kClock.Now();
  forwarder.Accept({Firing("A", "x", now)});
  ASSERT_TRUE(Eventually([&] { return count() == 1; }));
  forwarder.Accept({Resolved(Firing("A", "x", now), now)});
  ASSERT_TRUE(Eventually([&] { return count() == 2; }));
  forwarder.Stop(1s);
  EXPECT_EQ(happened, (std::vector<std::string>{"trigger A delivered", "resolve A delivered"}));
}

TEST(ForwarderTest, SaysByTheWallClockWhenItWasToldAlsoWhenThatWasSet) {
  FakeHttpServer server(FakeReply{});
  testing::FakeClock clock;
  std::mutex mutex;
  std::vector<Happening> happened;
  Forwarder::Options options{&clock, Share(Peers({server.address()}))};
  options.on_happening = [&](const Happening& happening) {
    const std::lock_guard lock(mutex);
    happened.push_back(happening);
  };
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return happened.size();
  };
  Forwarder forwarder(std::move(options));
  forwarder.Start();
  for (const base::Duration step : {base::Duration(-1h), base::Duration(2h)}) {
    clock.StepWall(step);
    {
      const std::lock_guard lock(mutex);
      happened.clear();
    }
    forwarder.Accept({Firing("A", base::FormatDuration(step), clock.Now())});
    ASSERT_TRUE(Eventually([&] { return count() == 1; }));
    EXPECT_EQ(happened[0].time, clock.Now());
    EXPECT_EQ(happened[0].waited, base::Duration(0));
  }
  forwarder.Stop(1s);
}

TEST(ForwarderTest, NoSecretIsShown) {
  std::string logged;
  testing::ExpectLog("does not take alerts");
  FakeHttpServer server([&](const FakeRequest& request) {
    FakeReply reply;
    reply.status = 500;
    reply.body = "you said " + request.Header("authorization");
    return reply;
  });
  config::Config config = Peers({server.address()});
  config.alertmanagers[0].http.credentials.value = base::Secret("geheim-geheim");
  Forwarder forwarder({&kClock, Share(config)});
  forwarder.Start();
  forwarder.Accept({Firing("A", "x", kClock.Now())});
  ASSERT_TRUE(Eventually([&] { return forwarder.Health()[0].failures > 0; }));
  EXPECT_EQ(server.requests()[0].Header("authorization"), "Bearer geheim-geheim");
  const std::string error = forwarder.Health()[0].last_error;
  EXPECT_NE(error.find("you said"), std::string::npos) << error;
  EXPECT_EQ(error.find("geheim-geheim"), std::string::npos) << error;
}

TEST(ForwarderTest, AnUnreadableCredentialIsAFailure) {
  testing::ExpectLog("does not take alerts");
  FakeHttpServer server(FakeReply{});
  config::Config config = Peers({server.address()});
  config.alertmanagers[0].http.credentials.file = "/nonexistent/token";
  Forwarder forwarder({&kClock, Share(config)});
  forwarder.Start();
  forwarder.Accept({Firing("A", "x", kClock.Now())});
  ASSERT_TRUE(Eventually([&] { return forwarder.Health()[0].failures > 0; }));
  EXPECT_EQ(forwarder.Health()[0].errors.at("config"), 1);
  EXPECT_TRUE(server.requests().empty());
}

TEST(ForwarderTest, AReloadMovesOnWithoutWaitingForAPeerThatHangs) {
  FakeReply hang;
  hang.act = FakeReply::Act::kHang;
  FakeHttpServer stuck(hang), good(FakeReply{});
  Forwarder forwarder({&kClock, Share(Peers({stuck.address()}))});
  forwarder.Start();
  forwarder.Accept({Firing("A", "x", kClock.Now())});
  ASSERT_TRUE(Eventually([&] { return stuck.requests().size() == 1; }));
  const base::SteadyTime began = kClock.Steady();
  forwarder.Reload(Share(Peers({good.address()})));
  EXPECT_LT(kClock.Steady() - began, std::chrono::seconds(5));
  ASSERT_TRUE(Eventually([&] { return Told(good, "A", "firing") == 1; }));
  ASSERT_EQ(forwarder.Health().size(), 1U);
}

TEST(ForwarderTest, ComparesClocks) {
  testing::ExpectLog("the clocks of drwatch and an Alertmanager differ");
  FakeReply reply;
  reply.headers = {{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  FakeHttpServer server(reply);
  Forwarder forwarder({&kClock, Share(Peers({server.address()}))});
  forwarder.Start();
  forwarder.Accept({Firing("A", "x", kClock.Now())});
  ASSERT_TRUE(Eventually([&] { return forwarder.Health()[0].clock_ahead.has_value(); }));
  EXPECT_LT(*forwarder.Health()[0].clock_ahead, -24h);
}

TEST(ForwarderTest, TellsWhatIsLeftBeforeItStops) {
  FakeHttpServer server(FakeReply{});
  Forwarder forwarder({&kClock, Share(Peers({server.address()}))});
  forwarder.Start();
  std::vector<model::AlertEvent> events;
  for (int i = 0; i < 500; ++i) events.push_back(Firing("A", std::to_string(i), kClock.Now()));
  forwarder.Accept(events);
  forwarder.Stop(10s);
  EXPECT_EQ(Told(server, "A", "firing"), 500);
}

}  // namespace
}  // namespace drwatch::notify
