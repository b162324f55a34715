#include "net/resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "base/file.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A name server on loopback: `answer` turns a question into an answer; "" is silence.
class FakeNameServer {
 public:
  explicit FakeNameServer(std::function<std::string(std::string)> answer)
      : answer_(std::move(answer)), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeNameServer() {
    stop_.RequestStop();
    thread_.join();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int questions() const { return questions_; }

 private:
  void Run() {
    while (true) {
      std::vector<pollfd> fds = {pollfd{fd_.get(), POLLIN, 0}};
      if (base::PollUntil(fds, Deadline::After(seconds(60)), stop_.token()) !=
          base::WaitResult::kReady) {
        return;
      }
      std::string question(512, '\0');
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      auto* name = reinterpret_cast<sockaddr*>(&peer);
      const ssize_t got = ::recvfrom(fd_.get(), question.data(), question.size(), 0, name, &size);
      if (got < 12) continue;
      ++questions_;
      question.resize(static_cast<std::size_t>(got));
      const std::string answer = answer_(question);
      if (!answer.empty()) ::sendto(fd_.get(), answer.data(), answer.size(), 0, name, size);
    }
  }
  std::function<std::string(std::string)> answer_;
  base::UniqueFd fd_;
  int port_ = 0;
  std::atomic<int> questions_{0};
  base::StopSource stop_;
  std::thread thread_;
};

// Answers A questions with 192.0.2.7 and says to the others that there is nothing; `code` is the
// RCODE.
std::string AnswerA(std::string question, int code) {
  const std::size_t end = question.find('\0', 12) + 5;
  const bool is_a = question[end - 3] == 1;
  question.resize(end);
  question[2] = static_cast<char>(0x81);
  question[3] = static_cast<char>(0x80 | code);
  question[8] = question[9] = question[10] = question[11] = '\0';
  question[6] = '\0';
  question[7] = is_a && code == 0 ? 1 : 0;
  if (is_a && code == 0) {
    question += std::string("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07", 16);
  }
  return question;
}

std::vector<std::string> Texts(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> texts;
  for (const IpAddress& address : addresses) texts.push_back(address.ToString());
  return texts;
}

Deadline Soon() { return Deadline::After(seconds(10)); }

TEST(ResolverTest, TakesLiteralsAsTheyAre) {
  EXPECT_EQ(Texts(*Resolve("192.0.2.1", IpFamily::kAny, Soon(), {})),
            std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(Texts(*Resolve("::1", IpFamily::kIp6, Soon(), {})), std::vector<std::string>{"::1"});
  const auto wrong = Resolve("::1", IpFamily::kIp4, Soon(), {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, model::Reason::kDns);
  EXPECT_EQ(wrong.error().message, "\"::1\" has no IPv4 address");
}

TEST(ResolverTest, KnowsLocalhost) {
  EXPECT_EQ(Texts(*Resolve("LocalHost", IpFamily::kAny, Soon(), {})),
            (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(Texts(*Resolve("db.localhost.", IpFamily::kIp6, Soon(), {})),
            std::vector<std::string>{"::1"});
}

TEST(ResolverTest, RejectsWhatIsNoName) {
  for (const std::string& host : {std::string(), std::string("a b"), std::string(300, 'x'),
                                  std::string("m\xc3\xbcnchen.example"), std::string("a\0b", 3)}) {
    const auto result = Resolve(host, IpFamily::kAny, Soon(), {});
    ASSERT_FALSE(result) << host;
    EXPECT_EQ(result.error().reason, model::Reason::kDns);
  }
}

TEST(ResolverTest, AsksTheNameServer) {
  const FakeNameServer server([](std::string question) { return AnswerA(question, 0); });
  const auto any = ResolveWith(server.address(), "db1.example", IpFamily::kAny, Soon(), {});
  ASSERT_TRUE(any) << any.error().message;
  EXPECT_EQ(Texts(*any), std::vector<std::string>{"192.0.2.7"});
  const auto v4 = ResolveWith(server.address(), "db1.example", IpFamily::kIp4, Soon(), {});
  ASSERT_TRUE(v4) << v4.error().message;
  EXPECT_EQ(Texts(*v4), std::vector<std::string>{"192.0.2.7"});
  EXPECT_GE(server.questions(), 2);
}

TEST(ResolverTest, SaysThatThereIsNoAddressOfTheFamily) {
  const FakeNameServer server([](std::string question) { return AnswerA(question, 0); });
  const auto result = ResolveWith(server.address(), "db1.example", IpFamily::kIp6, Soon(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, model::Reason::kDns);
  EXPECT_EQ(result.error().message, "\"db1.example\" has no IPv6 address");
}

TEST(ResolverTest, SaysThatThereIsNoSuchHost) {
  const FakeNameServer server([](std::string question) { return AnswerA(question, 3); });
  const auto result = ResolveWith(server.address(), "nope.example", IpFamily::kAny, Soon(), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, model::Reason::kDns);
  EXPECT_EQ(result.error().message, "no such host \"nope.example\"");
}

TEST(ResolverTest, EndsAtTheDeadlineWhenTheServerIsSilent) {
  const FakeNameServer server([](const std::string&) { return std::string(); });
  const auto begin = std::chrono::steady_clock::now();
  const auto result = ResolveWith(server.address(), "hung.example", IpFamily::kAny,
                                  Deadline::After(milliseconds(150)), {});
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, model::Reason::kDns);
  EXPECT_NE(result.error().message.find("too long"), std::string::npos) << result.error().message;
  EXPECT_GE(took, milliseconds(150));
  EXPECT_LT(took, milliseconds(900));
}

TEST(ResolverTest, EndsAtOnceWhenStopped) {
  const base::StopSource stop;
  const FakeNameServer server([&](const std::string&) {
    stop.RequestStop();
    return std::string();
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto result = ResolveWith(server.address(), "hung.example", IpFamily::kAny,
                                  Deadline::After(seconds(30)), stop.token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, model::Reason::kTimeout);
  EXPECT_EQ(result.error().message, "stopped");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

TEST(ResolverTest, SurvivesGarbage) {
  const FakeNameServer server([](const std::string& question) {
    return question.substr(0, 2) + std::string("\x81\x80\x00\x01\x00\x09\xff\xff", 8);
  });
  const auto result = ResolveWith(server.address(), "bad.example", IpFamily::kAny,
                                  Deadline::After(milliseconds(300)), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, model::Reason::kDns);
}

TEST(ResolverTest, ManyThreadsResolveBesideAHungName) {
  const FakeNameServer hung([](const std::string&) { return std::string(); });
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const bool hangs = i % 2 == 0;
      const auto result =
          hangs ? ResolveWith(hung.address(), "hung.example", IpFamily::kAny,
                              Deadline::After(milliseconds(200)), {})
                : Resolve("localhost", IpFamily::kAny, Deadline::After(seconds(5)), {});
      if (result.has_value() == hangs) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace drwatch::net
