#include "net/postgres.h"

#include <gtest/gtest.h>

#include "net/postgres_error.h"
#include "support/fake_http_server.h"
#include "support/fake_stream_server.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using base::Secret;
using model::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeStreamServer;
using testing::StreamStep;

Deadline Soon() { return Deadline::After(seconds(10)); }
Deadline Short() { return Deadline::After(milliseconds(200)); }

std::string Word(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xff);
  return bytes;
}
std::string Half(std::size_t value) { return Word(value).substr(2); }
std::string Message(char type, const std::string& body) {
  return type + Word(body.size() + 4) + body;
}

const std::string kZero(1, '\0');
std::string Error(const std::string& sqlstate, const std::string& text) {
  return Message('E', "SFATAL" + kZero + "VFATAL" + kZero + "C" + sqlstate + kZero + "M" + text +
                          kZero + "Fpostmaster.c" + kZero + "L12" + kZero + "Rfunc" + kZero +
                          kZero);
}
const std::string kLetIn = Message('R', Word(0)) +
                           Message('S', "server_version" + kZero + "15.20" + kZero) +
                           Message('K', Word(7) + Word(8)) + Message('Z', "I");
const std::string kHead = Message('1', "") + Message('2', "") +
                          Message('T', Half(1) + "a" + kZero + Word(0) + Half(0) + Word(25) +
                                           Half(0xffff) + Word(0xffffffff) + Half(0));
std::string Row(const std::string& value) {
  return kHead + Message('D', Half(1) + Word(value.size()) + value) +
         Message('C', "SELECT 1" + kZero) + Message('Z', "I");
}

// A server that answers the startup packet with `login` and whatever follows with `answer`.
FakeStreamServer::Script Server(std::string login, std::string answer = {},
                                std::string flood = {}) {
  return [=](std::string& received, int) {
    StreamStep step;
    if (received.size() < 8) return step;
    if (received.substr(0, 8) == Word(8) + Word(80877103)) {
      step.answer = "N";  // no TLS here
      received.erase(0, 8);
    } else if (received.substr(4, 4) == Word(196608)) {
      step.answer = login;
      received.clear();
    } else {
      step.answer = answer;
      step.flood = flood;
      received.clear();
    }
    return step;
  };
}

PostgresOptions OptionsFor(std::uint16_t port, const std::string& more = {}) {
  PostgresOptions options;
  options.dsn = Secret("postgres://dr:hunter2@127.0.0.1:" + std::to_string(port) + "/db" + more);
  return options;
}

NetError LoginError(const FakeStreamServer& server, Deadline deadline = Soon()) {
  const auto connection = PostgresConnection::Connect(OptionsFor(server.port()), deadline, {});
  if (connection) return {Reason::kNone, "connected"};
  return connection.error();
}

TEST(PostgresDsnTest, IsDescribedWithoutUserAndPassword) {
  EXPECT_EQ(DescribePostgresDsn(Secret("postgres://u:hunter2@db1/app?sslmode=require")),
            "postgres://db1:5432/app");
  EXPECT_EQ(DescribePostgresDsn(Secret("host=db1,db2 port=1,2 user=u password=hunter2")),
            "postgres://db1:1,db2:2");
  EXPECT_EQ(DescribePostgresDsn(Secret("host=/run/postgresql dbname=x")),
            "postgres:///run/postgresql:5432/x");
  EXPECT_EQ(DescribePostgresDsn(Secret("postgres://[::1]:7/x")), "postgres://[::1]:7/x");
  EXPECT_EQ(DescribePostgresDsn(Secret("hunter2")), "postgres");
}

TEST(PostgresDsnTest, BadOnesAreRefusedWithoutRepeatingThem) {
  for (const char* dsn : {"hunter2", "host=a password='hunter2", "postgres://u:hun@ter2@db1/x",
                          "postgres://u:hun/ter2@db1/x", "postgres://u:1/hunter2@db1/x",
                          "host=a port=hunter2", "host=a,b port=1,2,3 password=hunter2",
                          "service=hunter2", "hostaddr=hunter2", "postgres://u:%hunter2@db1"}) {
    PostgresOptions options;
    options.dsn = Secret(dsn);
    const auto connection = PostgresConnection::Connect(options, Soon(), {});
    ASSERT_FALSE(connection) << dsn;
    EXPECT_EQ(connection.error().reason, Reason::kConfig) << dsn;
    EXPECT_EQ(connection.error().message.find("ter2"), std::string::npos)
        << connection.error().message;
    EXPECT_EQ(DescribePostgresDsn(options.dsn), "postgres");
  }
}

TEST(PostgresConnectionTest, LogsInAndAsks) {
  const FakeStreamServer server(Server(kLetIn, Row("42.5")));
  auto connection = PostgresConnection::Connect(OptionsFor(server.port()), Soon(), {});
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_EQ(connection->server_version(), 150020);
  EXPECT_EQ(connection->remote_address(), server.address());
  for (int i = 0; i < 2; ++i) {
    const auto rows = connection->Query("SELECT $1", {"x"}, Soon(), {});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 1);
    EXPECT_EQ(rows->Text(0, "a"), "42.5");
    EXPECT_EQ(rows->Number(0, "a"), 42.5);
    EXPECT_EQ(rows->Int(0, "a"), std::nullopt);
    EXPECT_TRUE(rows->IsNull(0, "b"));
    EXPECT_TRUE(rows->IsNull(1, "a"));
    EXPECT_EQ(rows->Text(-1, "a"), "");
  }
  const std::string sent = server.received();
  EXPECT_NE(sent.find("drwatch"), std::string::npos);
  EXPECT_NE(sent.find("default_transaction_read_only=on"), std::string::npos);
  EXPECT_NE(sent.find("statement_timeout="), std::string::npos);
  EXPECT_EQ(sent.find("hunter2"), std::string::npos) << "the password was not asked for";
}

TEST(PostgresConnectionTest, NamesWhyItWasNotLetIn) {
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"28P01", Reason::kAuth},           {"28000", Reason::kAuth},
      {"57P03", Reason::kStartingUp},     {"53300", Reason::kTooManyConnections},
      {"3D000", Reason::kNotFound},       {"42501", Reason::kPermission},
      {"57P01", Reason::kConnectionReset}};
  for (const auto& [sqlstate, reason] : cases) {
    // In another language: only the code counts.
    const FakeStreamServer server(Server(Error(sqlstate, "das geht nicht")));
    const NetError error = LoginError(server);
    EXPECT_EQ(error.reason, reason) << sqlstate;
    EXPECT_EQ(error.message, "das geht nicht");
  }
}

TEST(PostgresConnectionTest, KeepsThePasswordOutOfWhatTheServerSays) {
  // Asks for the password in clear and sends it back.
  const FakeStreamServer server([](std::string& received, int) {
    StreamStep step;
    if (received.substr(0, 8) == Word(8) + Word(80877103)) {
      step.answer = "N";
    } else if (received.front() == 'p') {
      step.answer = Error("28P01", "no, not hunter2");
    } else {
      step.answer = Message('R', Word(3));
    }
    received.clear();
    return step;
  });
  EXPECT_EQ(LoginError(server).message, "no, not <secret>");
  EXPECT_NE(server.received().find("hunter2"), std::string::npos);
}

TEST(PostgresConnectionTest, AsksAgainWithoutOptionsWhereAPoolerRefusesThem) {
  int logins = 0;
  const FakeStreamServer server([&](std::string& received, int) {
    StreamStep step;
    if (received.substr(0, 8) == Word(8) + Word(80877103)) {
      step.answer = "N";
    } else if (received.front() != 'X') {
      const bool has_options = received.find("options") != std::string::npos;
      step.answer = has_options ? Error("08P01", "unsupported startup parameter: options") : kLetIn;
      ++logins;
    }
    received.clear();
    return step;
  });
  EXPECT_EQ(LoginError(server).message, "connected");
  EXPECT_EQ(logins, 2);
}

TEST(PostgresConnectionTest, EndsAtTheDeadlineWhereverTheServerStops) {
  const FakeStreamServer mute([](std::string& received, int) {
    received.clear();
    return StreamStep{};
  });
  const FakeStreamServer tls_only(Server(""));
  for (const FakeStreamServer* server : {&mute, &tls_only}) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(LoginError(*server, Short()).reason, Reason::kTimeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
  }
  const FakeStreamServer silent(Server(kLetIn));
  auto connection = PostgresConnection::Connect(OptionsFor(silent.port()), Soon(), {});
  ASSERT_TRUE(connection);
  const auto rows = connection->Query("SELECT 1", {}, Short(), {});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().reason, Reason::kTimeout);
  EXPECT_FALSE(connection->usable());
  EXPECT_FALSE(connection->Query("SELECT 1", {}, Soon(), {}));
}

TEST(PostgresConnectionTest, EndsAtAStop) {
  const FakeStreamServer mute(Server(""));
  const base::StopSource stop;
  stop.RequestStop();
  const auto connection =
      PostgresConnection::Connect(OptionsFor(mute.port()), Soon(), stop.token());
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().message, "stopped");
}

TEST(PostgresConnectionTest, LimitsWhatAServerSends) {
  const std::string row = Message('D', Half(1) + Word(60000) + std::string(60000, 'x'));
  const FakeStreamServer server(Server(kLetIn, kHead, row));
  auto connection = PostgresConnection::Connect(OptionsFor(server.port()), Soon(), {});
  ASSERT_TRUE(connection);
  const auto rows = connection->Query("SELECT 1", {}, Soon(), {});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().reason, Reason::kResponseTooLarge) << rows.error().message;
}

TEST(PostgresConnectionTest, RefusesACopyThatNeverEnds) {
  const std::string copy =
      Message('1', "") + Message('2', "") + Message('H', std::string(1, '\0') + Half(1) + Half(0));
  const FakeStreamServer server(Server(kLetIn, copy));
  auto connection = PostgresConnection::Connect(OptionsFor(server.port()), Soon(), {});
  ASSERT_TRUE(connection);
  const auto rows = connection->Query("SELECT 1", {}, Soon(), {});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().reason, Reason::kProtocol);
}

TEST(PostgresConnectionTest, ReportsAFailedStatementAndGoesOn) {
  const FakeStreamServer server([](std::string& received, int) {
    StreamStep step;
    if (received.substr(0, 8) == Word(8) + Word(80877103)) {
      step.answer = "N";
    } else if (received.substr(4, 4) == Word(196608)) {
      step.answer = kLetIn;
    } else if (received.find("secret_table") != std::string::npos) {
      step.answer = Error("42501", "permission denied for table secret_table") + Message('Z', "I");
    } else {
      step.answer = Row("1");
    }
    received.clear();
    return step;
  });
  auto connection = PostgresConnection::Connect(OptionsFor(server.port()), Soon(), {});
  ASSERT_TRUE(connection);
  const auto refused = connection->Query("SELECT secret_table", {}, Soon(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kPermission);
  EXPECT_EQ(refused.error().message, "permission denied for table secret_table");
  EXPECT_TRUE(connection->Query("SELECT 1", {}, Soon(), {}));
}

TEST(PostgresConnectionTest, TellsWhatIsNotPostgres) {
  const testing::FakeHttpServer web(testing::FakeReply{.raw = "HTTP/1.1 400 Bad Request\r\n\r\n"},
                                    {.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"});
  const auto connection = PostgresConnection::Connect(OptionsFor(web.port()), Soon(), {});
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().reason, Reason::kProtocol) << connection.error().message;
}

TEST(PostgresConnectionTest, TakesTheNextHost) {
  const FakeStreamServer server(Server(kLetIn));
  PostgresOptions options;
  options.dsn = Secret("host=127.0.0.1,127.0.0.1 port=" + std::to_string(testing::ClosedPort()) +
                       "," + std::to_string(server.port()) + " user=dr sslmode=disable");
  const auto connection = PostgresConnection::Connect(options, Soon(), {});
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_EQ(connection->remote_address(), server.address());
}

// As servers from 14 on tell it, in a session that may only read.
TEST(PostgresConnectionTest, TakesTheServerThatIsWanted) {
  const auto let_in = [](const char* standby) {
    return Message('R', Word(0)) + Message('S', "server_version" + kZero + "15.20" + kZero) +
           Message('S', "default_transaction_read_only" + kZero + "on" + kZero) +
           Message('S', "in_hot_standby" + kZero + standby + kZero) +
           Message('K', Word(7) + Word(8)) + Message('Z', "I");
  };
  const FakeStreamServer primary(Server(let_in("off")));
  const FakeStreamServer standby(Server(let_in("on")));
  const auto taken = [&](const FakeStreamServer& a, const FakeStreamServer& b, const char* wanted) {
    PostgresOptions options;
    options.dsn = Secret("host=127.0.0.1,127.0.0.1 port=" + std::to_string(a.port()) + "," +
                         std::to_string(b.port()) +
                         " user=dr sslmode=disable target_session_attrs=" + wanted);
    const auto connection = PostgresConnection::Connect(options, Soon(), {});
    return connection ? connection->remote_address() : connection.error().message;
  };
  const auto check = [&](const char* wanted, const FakeStreamServer& server) {
    EXPECT_EQ(taken(primary, standby, wanted), server.address()) << wanted;
    EXPECT_EQ(taken(standby, primary, wanted), server.address()) << wanted;
  };
  check("read-write", primary);
  check("primary", primary);
  check("read-only", standby);
  check("standby", standby);
  check("prefer-standby", standby);
  EXPECT_EQ(taken(primary, primary, "prefer-standby"), primary.address());
  EXPECT_EQ(taken(standby, primary, "any"), standby.address());
}

TEST(PostgresConnectionTest, ASilentHostLeavesTimeForTheNext) {
  const FakeStreamServer mute(Server(""));
  const FakeStreamServer server(Server(kLetIn));
  PostgresOptions options;
  options.dsn = Secret("host=127.0.0.1,127.0.0.1 port=" + std::to_string(mute.port()) + "," +
                       std::to_string(server.port()) + " user=dr");
  EXPECT_TRUE(PostgresConnection::Connect(options, Deadline::After(milliseconds(600)), {}));
}

TEST(PostgresConnectionTest, SaysThatNobodyListens) {
  const auto connection =
      PostgresConnection::Connect(OptionsFor(testing::ClosedPort()), Soon(), {});
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().reason, Reason::kConnectionRefused);
  const auto unresolved = PostgresConnection::Connect(
      {.dsn = Secret("host=no-such-host.invalid user=dr"), .password = {}, .tls = {}}, Soon(), {});
  ASSERT_FALSE(unresolved);
  EXPECT_EQ(unresolved.error().reason, Reason::kDns);
}

TEST(PostgresConnectionTest, DemandsTlsWithAnAuthority) {
  const FakeStreamServer server(Server(kLetIn));
  PostgresOptions options = OptionsFor(server.port());
  options.tls.server_name = "db1";
  const auto connection = PostgresConnection::Connect(options, Soon(), {});
  ASSERT_FALSE(connection);
  EXPECT_TRUE(connection.error().reason == Reason::kConfig ||
              connection.error().reason == Reason::kTls)
      << connection.error().message;
}

TEST(PostgresErrorTest, FindsTheCodeAndCleansTheText) {
  const std::string_view text =
      "connection to server at \"127.0.0.1\", port 1 failed: FATAL:  28P01: password "
      "authentication failed for user \"dr\"\nLOCATION:  auth_failed, auth.c:338\n";
  EXPECT_EQ(FindSqlState(text), "28P01");
  EXPECT_EQ(CleanPostgresText(text, {}), "password authentication failed for user \"dr\"");
  EXPECT_EQ(FindSqlState("FATAL:  sorry: no"), "");
  EXPECT_EQ(ClassifyPostgresStatement("XX001", "invalid page", {}).reason, Reason::kCorrupt);
  EXPECT_EQ(ClassifyPostgresStatement("XX000", "oops", {}).reason, Reason::kProtocol);
  EXPECT_EQ(ClassifyPostgresStatement("42883", "no function", {}).reason, Reason::kNotFound);
  EXPECT_LE(CleanPostgresText(std::string(5000, 'x'), {}).size(), 303u);
}

}  // namespace
}  // namespace drwatch::net
