#include "net/redis.h"

#include <gtest/gtest.h>

#include "support/fake_http_server.h"
#include "support/fake_stream_server.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using base::Secret;
using model::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeStreamServer;
using testing::StreamStep;
using Kind = RedisReply::Kind;

Deadline Soon() { return Deadline::After(seconds(10)); }
Deadline Short() { return Deadline::After(milliseconds(150)); }

FakeStreamServer::Script Always(std::string answer) {
  return [answer](std::string& received, int) {
    StreamStep step;
    while (!testing::TakeRedisCommand(received).empty()) step.answer += answer;
    return step;
  };
}

RedisOptions OptionsFor(const FakeStreamServer& server) {
  return *ParseRedisAddress(server.address());
}

NetResult<RedisReply> Ask(const FakeStreamServer& server, Deadline deadline = Soon(),
                          const base::StopToken& stop = {}) {
  auto connection = RedisConnection::Connect(OptionsFor(server), Soon(), {});
  if (!connection) return tl::unexpected(connection.error());
  return connection->Command({"PING"}, deadline, stop);
}

TEST(RedisAddressTest, TakesEveryForm) {
  EXPECT_EQ(ParseRedisAddress("cache")->endpoint.ToString(), "cache:6379");
  EXPECT_EQ(ParseRedisAddress("redis://cache")->endpoint.ToString(), "cache:6379");
  EXPECT_FALSE(ParseRedisAddress("redis://cache")->use_tls);
  EXPECT_EQ(ParseRedisAddress("rediss://[::1]:7000/0")->endpoint.ToString(), "[::1]:7000");
  EXPECT_TRUE(ParseRedisAddress("rediss://cache")->use_tls);
  EXPECT_EQ(ParseRedisAddress("unix:///run/redis.sock")->endpoint.unix_path, "/run/redis.sock");
  EXPECT_EQ(ParseRedisAddress("/run/redis.sock")->endpoint.unix_path, "/run/redis.sock");
  const base::Result<RedisOptions> options = ParseRedisAddress("redis://dr:p%40ss@cache:1");
  EXPECT_EQ(options->username, "dr");
  EXPECT_EQ(options->password.Reveal(), "p@ss");
}

TEST(RedisAddressTest, RefusesWithoutRepeatingTheUser) {
  for (const char* address : {"http://cache", "redis://u:hunter2@", "redis://u:hunter2@cache:x",
                              "redis://u:hunter2%@cache", ""}) {
    const base::Result<RedisOptions> options = ParseRedisAddress(address);
    ASSERT_FALSE(options) << address;
    EXPECT_EQ(options.error().ToString().find("hunter2"), std::string::npos);
  }
}

TEST(RedisConnectionTest, ReadsEveryKindOfReply) {
  const FakeStreamServer server(
      Always("*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n*0\r\n*-1\r\n"));
  const NetResult<RedisReply> reply = Ask(server);
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->kind, Kind::kArray);
  ASSERT_EQ(reply->elements.size(), 6u);
  EXPECT_EQ(reply->elements[0].kind, Kind::kStatus);
  EXPECT_EQ(reply->elements[0].text, "OK");
  EXPECT_EQ(reply->elements[1].kind, Kind::kError);
  EXPECT_EQ(reply->elements[1].text, "ERR no");
  EXPECT_EQ(reply->elements[2].integer, -7);
  EXPECT_EQ(reply->elements[3].text, "a\r\nbc");
  EXPECT_EQ(reply->elements[4].kind, Kind::kNil);
  ASSERT_EQ(reply->elements[5].elements.size(), 2u);
  EXPECT_EQ(reply->elements[5].elements[0].kind, Kind::kArray);
  EXPECT_EQ(reply->elements[5].elements[1].kind, Kind::kNil);
}

TEST(RedisConnectionTest, ReadsRepliesInTurn) {
  int count = 0;
  const FakeStreamServer server([&](std::string& received, int) {
    StreamStep step;
    while (!testing::TakeRedisCommand(received).empty()) {
      step.answer += ":" + std::to_string(++count) + "\r\n";
    }
    return step;
  });
  auto connection = RedisConnection::Connect(OptionsFor(server), Soon(), {});
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->Command({"A"}, Soon(), {})->integer, 1);
  EXPECT_EQ(connection->Command({"B", "with blank", ""}, Soon(), {})->integer, 2);
  EXPECT_NE(server.received().find("*3\r\n$1\r\nB\r\n$10\r\nwith blank\r\n$0\r\n\r\n"),
            std::string::npos);
}

TEST(RedisConnectionTest, AuthenticatesAsUser) {
  const FakeStreamServer server(Always("+OK\r\n"));
  RedisOptions options = OptionsFor(server);
  options.username = "dr";
  options.password = Secret("hunter2");
  ASSERT_TRUE(RedisConnection::Connect(options, Soon(), {}));
  EXPECT_EQ(server.received(), "*3\r\n$4\r\nAUTH\r\n$2\r\ndr\r\n$7\r\nhunter2\r\n");
}

TEST(RedisConnectionTest, NamesWhyItWasNotLetIn) {
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"-WRONGPASS invalid username-password pair or user is disabled.\r\n", Reason::kAuth},
      {"-ERR invalid password\r\n", Reason::kAuth},
      {"-ERR wrong number of arguments for 'auth' command\r\n", Reason::kAuth},
      {"-LOADING Redis is loading the dataset in memory\r\n", Reason::kStartingUp},
      {"-ERR max number of clients reached\r\n", Reason::kTooManyConnections},
      {":1\r\n", Reason::kProtocol},
  };
  for (const auto& [answer, reason] : cases) {
    const FakeStreamServer server(Always(answer));
    RedisOptions options = OptionsFor(server);
    options.password = Secret("hunter2");
    const auto connection = RedisConnection::Connect(options, Soon(), {});
    ASSERT_FALSE(connection) << answer;
    EXPECT_EQ(connection.error().reason, reason) << answer;
  }
}

TEST(RedisConnectionTest, KeepsThePasswordOutOfWhatTheServerSays) {
  const FakeStreamServer server(Always("-WRONGPASS is it hunter2? hunter2!\r\n"));
  RedisOptions options = OptionsFor(server);
  options.password = Secret("hunter2");
  const auto connection = RedisConnection::Connect(options, Soon(), {});
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().message, "WRONGPASS is it <secret>? <secret>!");
}

TEST(RedisConnectionTest, TellsWhatIsNotRedis) {
  const FakeStreamServer server(Always("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const NetResult<RedisReply> reply = Ask(server);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, Reason::kProtocol);
}

TEST(RedisConnectionTest, EndsAtTheDeadline) {
  const FakeStreamServer silent([](std::string& received, int) {
    received.clear();
    return StreamStep{};
  });
  const NetResult<RedisReply> none = Ask(silent, Short());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, Reason::kTimeout);
  const FakeStreamServer half(Always("$100\r\nabc"));
  const NetResult<RedisReply> part = Ask(half, Short());
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().reason, Reason::kTimeout);
}

TEST(RedisConnectionTest, EndsAtAStop) {
  const FakeStreamServer half(Always("$100\r\nabc"));
  const base::StopSource stop;
  stop.RequestStop();
  const NetResult<RedisReply> reply = Ask(half, Soon(), stop.token());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "stopped");
}

TEST(RedisConnectionTest, LimitsReplies) {
  const FakeStreamServer endless([](std::string& received, int) {
    received.clear();
    return StreamStep{.answer = "$100000000\r\n", .flood = std::string(65536, 'x')};
  });
  const NetResult<RedisReply> large = Ask(endless);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().reason, Reason::kResponseTooLarge);
  for (const char* answer : {"*2000000000\r\n", "*2\r\n*90000\r\n", "*3\r\n+a\r\n*100000\r\n"}) {
    const FakeStreamServer wide(Always(answer));
    const NetResult<RedisReply> many = Ask(wide, Short());
    ASSERT_FALSE(many);
    EXPECT_TRUE(many.error().reason == Reason::kResponseTooLarge ||
                many.error().reason == Reason::kTimeout)
        << many.error().message;
  }
}

TEST(RedisConnectionTest, SaysThatTheServerClosed) {
  const FakeStreamServer server([](std::string& received, int) {
    received.clear();
    return StreamStep{.answer = "$10\r\nabc", .then = StreamStep::Then::kClose};
  });
  const NetResult<RedisReply> reply = Ask(server);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, Reason::kConnectionReset);
}

TEST(RedisConnectionTest, SpeaksTls) {
  const testing::TestCa ca;
  const testing::TempDir folder;
  testing::FakeServerOptions server_options;
  server_options.certificate = ca.Issue();
  server_options.greeting = "+PONG\r\n";
  const testing::FakeHttpServer server(testing::FakeReply{.act = testing::FakeReply::Act::kHang},
                                       server_options);
  RedisOptions options = *ParseRedisAddress("rediss://" + server.address());
  options.tls.ca_file = folder.Write("ca.pem", ca.pem());
  auto connection = RedisConnection::Connect(options, Soon(), {});
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_EQ(connection->Command({"PING"}, Soon(), {})->text, "PONG");
  options.tls.ca_file.clear();
  const auto refused = RedisConnection::Connect(options, Soon(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kTls);
}

TEST(RedisErrorTest, HasAReason) {
  EXPECT_EQ(RedisErrorReason("NOAUTH Authentication required."), Reason::kAuth);
  EXPECT_EQ(RedisErrorReason("NOPERM this user has no permissions"), Reason::kPermission);
  EXPECT_EQ(RedisErrorReason("DENIED Redis is running in protected mode"), Reason::kPermission);
  EXPECT_EQ(RedisErrorReason("MASTERDOWN Link with MASTER is down"), Reason::kReplicationBroken);
  EXPECT_EQ(RedisErrorReason("MISCONF Redis is configured to save"), Reason::kPersistenceFailing);
  EXPECT_EQ(RedisErrorReason("ERR unknown command 'INFO'"), Reason::kNotFound);
  EXPECT_EQ(RedisErrorReason(""), Reason::kProtocol);
}

}  // namespace
}  // namespace drwatch::net
