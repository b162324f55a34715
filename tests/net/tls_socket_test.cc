#include "net/tls_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "base/file.h"
#include "support/fake_http_server.h"
#include "support/temp_dir.h"
#include "support/test_ca.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using model::Reason;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeHttpServer;
using testing::FakeReply;
using testing::FakeServerOptions;

Deadline Soon() { return Deadline::After(seconds(10)); }
Deadline Short() { return Deadline::After(milliseconds(100)); }

NetResult<Socket> ConnectTo(const FakeHttpServer& server) {
  return Socket::Connect(*ParseEndpoint(server.address()), IpFamily::kAny, Soon(), {});
}

std::string ReadAll(Socket& socket) {
  std::string text;
  char buffer[1000];
  while (true) {
    const NetResult<std::size_t> got = socket.Read(buffer, sizeof buffer, Soon(), {});
    if (!got) return text + "|" + got.error().message;
    if (*got == 0) return text;
    text.append(buffer, *got);
  }
}

TEST(SocketTest, TalksPlainTcp) {
  const FakeHttpServer server(FakeReply{.body = "hello", .raw = "raw bytes"});
  NetResult<Socket> socket = ConnectTo(server);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->remote_address(), server.address());
  ASSERT_TRUE(socket->WriteAll("GET / HTTP/1.1\r\n\r\n", Soon(), {}));
  EXPECT_EQ(ReadAll(*socket), "raw bytes");
  EXPECT_FALSE(socket->tls());
}

TEST(SocketTest, TakesTheAddressThatAnswers) {
  FakeServerOptions options;
  options.greeting = "hi";
  const FakeHttpServer server(FakeReply{}, options);
  // Nothing listens on the first two; ::1 refuses or does not exist.
  const std::vector<IpAddress> addresses = {
      *IpAddress::Parse("127.9.9.9"), *IpAddress::Parse("::1"), *IpAddress::Parse("127.0.0.1")};
  NetResult<Socket> socket = Socket::ConnectTo(addresses, server.port(), Soon(), {});
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->remote_address(), server.address());
}

TEST(SocketTest, SaysWhoRefused) {
  const std::uint16_t port = testing::ClosedPort();
  const NetResult<Socket> socket =
      Socket::ConnectTo({*IpAddress::Parse("127.0.0.1")}, port, Soon(), {});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().reason, Reason::kConnectionRefused);
  EXPECT_EQ(socket.error().message,
            "connect to 127.0.0.1:" + std::to_string(port) + ": connection refused");
}

// A listener whose backlog is full leaves further connects without an answer, as a firewall does.
class FullListener {
 public:
  explicit FullListener(const char* host = "127.0.0.1", std::uint16_t port = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::inet_addr(host);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), name, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 0), 0);
    ::getsockname(fd_.get(), name, &size);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < 4; ++i) {
      base::UniqueFd filler(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(filler.get(), name, size);
      fillers_.push_back(std::move(filler));
    }
  }
  std::uint16_t port() const { return port_; }

 private:
  base::UniqueFd fd_;
  std::uint16_t port_ = 0;
  std::vector<base::UniqueFd> fillers_;
};

TEST(SocketTest, ConnectEndsAtTheDeadline) {
  const FullListener listener;
  const auto begin = std::chrono::steady_clock::now();
  const NetResult<Socket> socket =
      Socket::ConnectTo({*IpAddress::Parse("127.0.0.1")}, listener.port(), Short(), {});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().reason, Reason::kTimeout) << socket.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
}

TEST(SocketTest, ASilentAddressDoesNotHoldUpTheNext) {
  const FakeHttpServer server(FakeReply{});
  const FullListener silent("127.0.0.2", server.port());
  const auto begin = std::chrono::steady_clock::now();
  const NetResult<Socket> socket = Socket::ConnectTo(
      {*IpAddress::Parse("127.0.0.2"), *IpAddress::Parse("127.0.0.1")}, server.port(), Soon(), {});
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->remote_address(), server.address());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST(SocketTest, ReadEndsAtTheDeadlineAndAtAStop) {
  const FakeHttpServer server(FakeReply{.act = FakeReply::Act::kHang});
  NetResult<Socket> socket = ConnectTo(server);
  ASSERT_TRUE(socket);
  char buffer[10];
  NetResult<std::size_t> got = socket->Read(buffer, sizeof buffer, Short(), {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::kTimeout);
  const base::StopSource stop;
  std::thread stopper([&] { stop.RequestStop(); });
  got = socket->Read(buffer, sizeof buffer, Soon(), stop.token());
  stopper.join();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "stopped");
}

TEST(SocketTest, WriteEndsAtTheDeadline) {
  FakeServerOptions options;
  options.greeting = "";
  const FullListener listener;
  base::UniqueFd pair[2];
  const FakeHttpServer server(
      FakeReply{.act = FakeReply::Act::kDrip, .raw = std::string(1000, 'x')});
  NetResult<Socket> socket = ConnectTo(server);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->WriteAll("GET / HTTP/1.1\r\n\r\n", Soon(), {}));
  // The script is busy dripping and reads nothing more: the buffers fill.
  const NetResult<void> written = socket->WriteAll(std::string(64 << 20, 'x'), Short(), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().reason, Reason::kTimeout);
}

TEST(SocketTest, TellsAResetFromAnOrderlyEnd) {
  const FakeHttpServer server(FakeReply{.act = FakeReply::Act::kReset});
  NetResult<Socket> socket = ConnectTo(server);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->WriteAll("GET / HTTP/1.1\r\n\r\n", Soon(), {}));
  char buffer[10];
  const NetResult<std::size_t> got = socket->Read(buffer, sizeof buffer, Soon(), {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::kConnectionReset);
}

TEST(SocketTest, TalksOverAUnixSocket) {
  const testing::TempDir dir;
  const std::string path = dir.Path("x.sock");
  const base::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  NetResult<Socket> socket = Socket::Connect(*ParseEndpoint(path), IpFamily::kAny, Soon(), {});
  ASSERT_TRUE(socket) << socket.error().message;
  const base::UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
  ASSERT_EQ(::send(peer.get(), "pong", 4, 0), 4);
  char buffer[10];
  EXPECT_EQ(socket->Read(buffer, sizeof buffer, Soon(), {}).value_or(0), 4U);

  const NetResult<Socket> missing =
      Socket::Connect(*ParseEndpoint(dir.Path("y.sock")), IpFamily::kAny, Soon(), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, Reason::kConnectionRefused);
}

class TlsSocketTest : public ::testing::Test {
 protected:
  TlsSocketTest() { options_.ca_file = dir_.Write("ca.pem", ca_.pem()); }

  FakeServerOptions Server(const testing::CertificateOptions& certificate = {}) const {
    FakeServerOptions options;
    options.certificate = ca_.Issue(certificate);
    return options;
  }
  // Connects, shakes hands and returns the socket; `result_` is what StartTls said.
  Socket Handshake(const FakeHttpServer& server, const std::string& host = "localhost",
                   Deadline deadline = Soon()) {
    NetResult<Socket> socket = ConnectTo(server);
    EXPECT_TRUE(socket);
    result_ = socket->StartTls(options_, host, deadline, {});
    return *std::move(socket);
  }

  testing::TestCa ca_;
  testing::TempDir dir_;
  TlsOptions options_;
  NetResult<void> result_;
};

TEST_F(TlsSocketTest, TalksAndRecordsTheCertificate) {
  const FakeHttpServer server(FakeReply{.raw = "secret"}, Server());
  Socket socket = Handshake(server);
  ASSERT_TRUE(result_) << result_.error().message;
  ASSERT_TRUE(socket.WriteAll("GET / HTTP/1.1\r\n\r\n", Soon(), {}));
  EXPECT_EQ(ReadAll(socket), "secret");
  ASSERT_TRUE(socket.tls());
  EXPECT_TRUE(socket.tls()->verified);
  EXPECT_EQ(socket.tls()->version, "TLSv1.3");
  EXPECT_NE(socket.tls()->cipher, "");
  const base::Timestamp tomorrow = base::SystemClock().Now() + hours(24);
  EXPECT_LT(tomorrow - *socket.tls()->leaf_expiry, std::chrono::minutes(1));
  EXPECT_EQ(socket.tls()->earliest_expiry, socket.tls()->leaf_expiry);
  EXPECT_EQ(server.requests().at(0).server_name, "localhost");
}

TEST_F(TlsSocketTest, RefusesAnExpiredCertificateButTellsItsEnd) {
  const FakeHttpServer server(FakeReply{}, Server({.starts = hours(-48), .ends = hours(-24)}));
  const Socket socket = Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kCertificateExpired);
  ASSERT_TRUE(socket.tls());
  EXPECT_FALSE(socket.tls()->verified);
  EXPECT_LT(*socket.tls()->leaf_expiry, base::SystemClock().Now() - hours(23));
}

TEST_F(TlsSocketTest, RefusesAnUnknownAuthority) {
  const testing::TestCa other;
  options_.ca_file = dir_.Write("other.pem", other.pem());
  const FakeHttpServer server(FakeReply{}, Server());
  const Socket socket = Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kTls);
  EXPECT_NE(result_.error().message.find("no trusted authority"), std::string::npos)
      << result_.error().message;
  EXPECT_TRUE(socket.tls() && socket.tls()->leaf_expiry);
}

TEST_F(TlsSocketTest, TheSystemDoesNotTrustTheTestAuthority) {
  options_.ca_file.clear();
  const FakeHttpServer server(FakeReply{}, Server());
  const Socket socket = Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kTls);
}

TEST_F(TlsSocketTest, RefusesAnotherName) {
  const FakeHttpServer server(FakeReply{}, Server({.names = {"db1.example"}}));
  Handshake(server, "db2.example");
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kTls);
  EXPECT_EQ(result_.error().message, "the certificate is not for \"db2.example\"");
  Handshake(server, "127.0.0.1");
  EXPECT_FALSE(result_);
  options_.server_name = "db1.example";
  Handshake(server, "db2.example");
  EXPECT_TRUE(result_) << result_.error().message;
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(TlsSocketTest, VerifiesAddressesToo) {
  const FakeHttpServer server(FakeReply{}, Server());
  Handshake(server, "127.0.0.1");
  EXPECT_TRUE(result_) << result_.error().message;
}

TEST_F(TlsSocketTest, SkippingVerificationStillJudges) {
  options_.insecure_skip_verify = true;
  const FakeHttpServer server(FakeReply{}, Server({.ends = seconds(-10)}));
  const Socket socket = Handshake(server);
  ASSERT_TRUE(result_) << result_.error().message;
  ASSERT_TRUE(socket.tls());
  EXPECT_FALSE(socket.tls()->verified);
}

TEST_F(TlsSocketTest, ShowsItsClientCertificate) {
  FakeServerOptions server_options = Server();
  server_options.client_ca_pem = ca_.pem();
  const FakeHttpServer server(FakeReply{.raw = "welcome"}, server_options);
  const testing::TestCertificate client = ca_.Issue();
  options_.cert_file = dir_.Write("client.pem", client.chain_pem);
  options_.key_file = dir_.Write("client.key", client.key_pem);
  Socket socket = Handshake(server);
  ASSERT_TRUE(result_) << result_.error().message;
  ASSERT_TRUE(socket.WriteAll("GET / HTTP/1.1\r\n\r\n", Soon(), {}));
  EXPECT_EQ(ReadAll(socket), "welcome");
}

TEST_F(TlsSocketTest, BadFilesAreConfigErrors) {
  const FakeHttpServer server(FakeReply{}, Server());
  options_.cert_file = dir_.Path("missing.pem");
  Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kConfig);
  EXPECT_NE(result_.error().message.find("missing.pem"), std::string::npos);
  options_ = {};
  options_.ca_file = dir_.Write("empty.pem", "");
  Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kConfig);
}

TEST_F(TlsSocketTest, AServerWithoutTlsIsATlsError) {
  FakeServerOptions plain;
  plain.greeting = "220 mail.example ESMTP\r\n";
  const FakeHttpServer server(FakeReply{}, plain);
  Handshake(server);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kTls) << result_.error().message;
}

TEST_F(TlsSocketTest, AHungHandshakeEndsAtTheDeadline) {
  FakeServerOptions hung;
  hung.accept = FakeServerOptions::Accept::kHang;
  const FakeHttpServer server(FakeReply{}, hung);
  Handshake(server, "localhost", Short());
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().reason, Reason::kTimeout);
}

TEST_F(TlsSocketTest, AResetDuringTheHandshakeIsAReset) {
  FakeServerOptions reset;
  reset.accept = FakeServerOptions::Accept::kReset;
  const FakeHttpServer server(FakeReply{}, reset);
  NetResult<Socket> socket = ConnectTo(server);
  if (!socket) return;  // the reset came before connect() looked
  const NetResult<void> result = socket->StartTls(options_, "localhost", Soon(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::kConnectionReset) << result.error().message;
}

}  // namespace
}  // namespace drwatch::net
