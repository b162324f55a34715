#include "net/smtp.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "support/fake_stream_server.h"

namespace drwatch::net {
namespace {

using base::Deadline;
using model::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeStreamServer;
using testing::StreamStep;
using Step = MailRefusal::Step;

constexpr char kGreeting[] = "220 mx ESMTP\r\n";
const std::string kPassword = "correct-horse-battery";

using Answers = std::map<std::string, std::string>;

// Answers each command line by the longest key it begins with; "DATA" twice: the second answer is
// for the message's end.
class FakeMailServer {
 public:
  explicit FakeMailServer(Answers changed = {}, const std::string& greeting = kGreeting)
      : answers_{{"EHLO", "250-mx\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"},
                 {"AUTH PLAIN", "235 2.7.0 ok\r\n"},
                 {"MAIL FROM", "250 ok\r\n"},
                 {"RCPT TO", "250 ok\r\n"},
                 {"DATA", "354 go on\r\n"},
                 {".", "250 2.0.0 queued\r\n"},
                 {"QUIT", "221 bye\r\n"}},
        server_([this](std::string& received, int) { return Answer(received); }, greeting) {
    for (auto& [key, answer] : changed) answers_[key] = answer;
  }

  MailRequest Request() const {
    MailRequest request;
    request.server = *ParseEndpoint(server_.address());
    request.security = MailSecurity::kPlain;
    request.hello = "drwatch.test";
    request.sender = "drwatch@example.com";
    request.recipients = {"a@example.com", "b@example.com"};
    request.message = "Subject: x\r\n\r\nbody\r\n";
    return request;
  }
  const FakeStreamServer& wire() const { return server_; }

 private:
  StreamStep Answer(std::string& received) {
    StreamStep step;
    while (true) {
      const std::size_t end = received.find("\r\n");
      if (end == std::string::npos) return step;
      const std::string line = received.substr(0, end);
      received.erase(0, end + 2);
      if (in_message_ && line != ".") continue;
      in_message_ = false;
      std::string best;
      for (const auto& [key, answer] : answers_) {
        if (line.starts_with(key) && key.size() > best.size()) best = key;
      }
      const std::string answer = best.empty() ? "500 what?\r\n" : answers_.at(best);
      if (answer == "close") step.then = StreamStep::Then::kClose;
      if (answer == "close" || answer == "hang") return step;
      step.answer += answer;
      in_message_ = line == "DATA" && answer.starts_with("354");
    }
  }

  Answers answers_;
  bool in_message_ = false;
  FakeStreamServer server_;
};

MailOutcome Send(const MailRequest& request, base::Duration time = seconds(10)) {
  return SendMail(request, Deadline::After(time), {});
}

TEST(SmtpTest, SpeaksTheProtocol) {
  const FakeMailServer server;
  MailRequest request = server.Request();
  request.username = "dr";
  request.password = base::Secret(kPassword);
  const MailOutcome outcome = Send(request);
  ASSERT_TRUE(outcome.taken()) << outcome.error->message;
  EXPECT_TRUE(outcome.refused_recipients.empty());
  EXPECT_EQ(server.wire().received().substr(0, server.wire().received().find("QUIT")),
            "EHLO drwatch.test\r\nAUTH PLAIN AGRyAGNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==\r\n"
            "MAIL FROM:<drwatch@example.com> SIZE=20\r\nRCPT TO:<a@example.com>\r\n"
            "RCPT TO:<b@example.com>\r\nDATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n");
}

TEST(SmtpTest, TheMessageCannotEndItself) {
  const FakeMailServer server;
  MailRequest request = server.Request();
  request.message = "Subject: x\n\n.\n.\r\nQUIT\r.\rMAIL FROM:<evil@x>\r\n..\nend";
  ASSERT_TRUE(Send(request).taken());
  EXPECT_NE(server.wire().received().find("\r\n\r\n..\r\n..\r\nQUIT\r\n..\r\nMAIL FROM:<evil@x>"
                                          "\r\n...\r\nend\r\n.\r\n"),
            std::string::npos)
      << server.wire().received();
}

TEST(SmtpTest, NoAddressBecomesACommand) {
  const FakeMailServer server;
  for (const char* bad : {"a@x>\r\nDATA", "", "a b@x", "<a@x>", "ä@x", "a@x\n"}) {
    MailRequest request = server.Request();
    request.recipients = {"good@example.com", bad};
    EXPECT_EQ(Send(request).error->reason, Reason::kConfig) << bad;
    request = server.Request();
    request.sender = bad;
    EXPECT_EQ(Send(request).error->reason, Reason::kConfig) << bad;
    request = server.Request();
    request.hello = bad;
    EXPECT_EQ(Send(request).error.has_value(), std::string(bad) != "a@x") << bad;
  }
  EXPECT_EQ(server.wire().connections(), 0);
}

TEST(SmtpTest, TellsAtWhichStepItWasRefused) {
  const std::vector<std::tuple<std::string, std::string, Step>> rows = {
      {"EHLO", "550 not you\r\n", Step::kHello},
      {"MAIL FROM", "450 later\r\n", Step::kSender},
      {"RCPT TO", "550 no one\r\n", Step::kRecipient},
      {"DATA", "451 full\r\n", Step::kMessage},
      {".", "554 spam\r\n", Step::kMessage},
      {"AUTH", "535 wrong\r\n", Step::kLogin}};
  for (const auto& [command, answer, step] : rows) {
    Answers answers = {{command, answer}};
    if (command == "AUTH") answers["AUTH PLAIN"] = answer;
    if (command == "EHLO") answers["HELO"] = answer;
    const FakeMailServer server(answers);
    MailRequest request = server.Request();
    request.username = "dr";
    request.password = base::Secret(kPassword);
    const MailOutcome outcome = Send(request);
    ASSERT_TRUE(outcome.refusal) << command;
    EXPECT_EQ(outcome.refusal->step, step) << command;
    EXPECT_EQ(std::to_string(outcome.refusal->code) + " " + outcome.refusal->text + "\r\n", answer);
  }
  const FakeMailServer busy({}, "421-too many\r\n421 connections\r\n");
  const MailOutcome outcome = Send(busy.Request());
  ASSERT_TRUE(outcome.refusal);
  EXPECT_EQ(outcome.refusal->code, 421);
  EXPECT_EQ(outcome.refusal->text, "too many connections");
  EXPECT_EQ(MailStepName(outcome.refusal->step), "greeting");
}

TEST(SmtpTest, TellsWhichRecipientsWereRefused) {
  const FakeMailServer some(Answers{{"RCPT TO:<b", "550 5.1.1 no such user\r\n"}});
  const MailOutcome outcome = Send(some.Request());
  EXPECT_TRUE(outcome.taken());
  EXPECT_EQ(outcome.refused_recipients,
            std::vector<std::string>{"b@example.com: 550 5.1.1 no such user"});
  // One that may be taken later counts, so that the message is tried again.
  const FakeMailServer none(Answers{{"RCPT TO:<a", "550 no\r\n"}, {"RCPT TO:<b", "450 busy\r\n"}});
  EXPECT_EQ(Send(none.Request()).refusal->code, 450);
}

TEST(SmtpTest, DoesWithoutExtensions) {
  const FakeMailServer old(Answers{{"EHLO", "502 no\r\n"}, {"HELO", "250 mx\r\n"}});
  MailRequest request = old.Request();
  request.username = "dr";  // no AUTH is offered, so there is no login
  ASSERT_TRUE(Send(request).taken());
  EXPECT_EQ(old.wire().received().find("AUTH"), std::string::npos);
  EXPECT_EQ(old.wire().received().find("SIZE"), std::string::npos);
}

TEST(SmtpTest, LogsInByWhatIsOffered) {
  const FakeMailServer login(Answers{{"EHLO", "250-mx\r\n250 AUTH=LOGIN\r\n"},
                                     {"AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"},
                                     {"ZHI=", "334 UGFzc3dvcmQ6\r\n"},
                                     {"Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "235 ok\r\n"}});
  MailRequest request = login.Request();
  request.username = "dr";
  request.password = base::Secret(kPassword);
  EXPECT_TRUE(Send(request).taken());
  // RFC 2195's own example.
  const FakeMailServer cram(
      Answers{{"EHLO", "250-mx\r\n250 AUTH CRAM-MD5 SCRAM-SHA-1\r\n"},
              {"AUTH CRAM-MD5", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"},
              {"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "235 ok\r\n"}});
  request = cram.Request();
  request.username = "tim";
  request.password = base::Secret("tanstaaftanstaaf");
  const MailOutcome outcome = Send(request);
  EXPECT_TRUE(outcome.taken()) << cram.wire().received();
  const FakeMailServer foreign(Answers{{"EHLO", "250-mx\r\n250 AUTH GSSAPI\r\n"}});
  request.server = foreign.Request().server;
  EXPECT_EQ(Send(request).error->reason, Reason::kAuth);
  const FakeMailServer bad(Answers{{"EHLO", "250-mx\r\n250 AUTH CRAM-MD5\r\n"},
                                   {"AUTH CRAM-MD5", "334 not base64!\r\n"}});
  request.server = bad.Request().server;
  EXPECT_EQ(Send(request).error->reason, Reason::kProtocol);
}

TEST(SmtpTest, SendsNothingInTheClearWhereTlsIsRequired) {
  const FakeMailServer without;
  MailRequest request = without.Request();
  request.security = MailSecurity::kStartTls;
  request.username = "dr";
  request.password = base::Secret(kPassword);
  const MailOutcome outcome = Send(request);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->reason, Reason::kTls);
  EXPECT_EQ(without.wire().received(), "EHLO drwatch.test\r\n");
  // Text behind the answer to STARTTLS would be taken for the encrypted server's.
  const FakeMailServer injected(
      Answers{{"EHLO", "250-mx\r\n250 STARTTLS\r\n"}, {"STARTTLS", "220 go\r\n250 evil\r\n"}});
  request.server = injected.Request().server;
  EXPECT_EQ(Send(request).error->reason, Reason::kProtocol);
  const FakeMailServer refusing(
      Answers{{"EHLO", "250-mx\r\n250 STARTTLS\r\n"}, {"STARTTLS", "454 not now\r\n"}});
  request.server = refusing.Request().server;
  EXPECT_EQ(Send(request).refusal->step, Step::kStartTls);
}

TEST(SmtpTest, EndsAtAnswersThatAreNone) {
  for (const std::string& greeting :
       {std::string("HTTP/1.1 200 OK\r\n"), std::string("\r\n"), std::string("22\r\n"),
        std::string("999 x\r\n"), std::string("220-a\r\n250 b\r\n"), std::string("220x\r\n"),
        std::string(10'000, '2'), std::string("220 a\0b", 7) + std::string(9000, 'x')}) {
    const FakeMailServer server({}, greeting);
    const MailOutcome outcome = Send(server.Request());
    ASSERT_TRUE(outcome.error) << greeting.substr(0, 20);
    EXPECT_EQ(outcome.error->reason, Reason::kProtocol) << greeting.substr(0, 20);
  }
  std::string endless;
  for (int i = 0; i < 10'000; ++i) endless += "250-and more\r\n";
  const FakeMailServer long_winded(Answers{{"EHLO", endless}});
  EXPECT_EQ(Send(long_winded.Request()).error->reason, Reason::kProtocol);
}

TEST(SmtpTest, IsNotDeliveredBeforeTheLastReply) {
  const FakeMailServer cut(Answers{{".", "close"}});
  EXPECT_EQ(Send(cut.Request()).error->reason, Reason::kConnectionReset);
  const FakeMailServer silent(Answers{{".", "hang"}});
  EXPECT_EQ(Send(silent.Request(), milliseconds(150)).error->reason, Reason::kTimeout);
}

TEST(SmtpTest, StopsAtOnce) {
  const FakeMailServer silent(Answers{{"MAIL FROM", "hang"}});
  const base::StopSource stop;
  std::thread stopper([&] {
    while (silent.wire().received().find("MAIL") == std::string::npos) std::this_thread::yield();
    stop.RequestStop();
  });
  const MailOutcome outcome =
      SendMail(silent.Request(), Deadline::After(seconds(60)), stop.token());
  stopper.join();
  EXPECT_EQ(outcome.error->message, "stopped");
}

}  // namespace
}  // namespace drwatch::net
