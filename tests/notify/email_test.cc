// E-mail: what is sent, word for word, and what an SMTP answer means.
#include "notify/email.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "notify/mime.h"

namespace drwatch::notify {
namespace {

using Kind = Verdict::Kind;
using net::MailRefusal;

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

config::EmailReceiver Email() {
  config::EmailReceiver receiver;
  receiver.to = "oncall@example.com, Jane Roe <jane@example.com>";
  receiver.from = "drwatch <drwatch@example.com>";
  receiver.server.smarthost = "mail.example.com:587";
  return receiver;
}

model::Alert Alert() {
  model::Alert alert;
  alert.labels = {{"alertname", "BackupFailed"}, {"backup", "nightly"}, {"severity", "critical"}};
  alert.annotations = {{"summary", "Backup nightly cannot be relied on"},
                       {"description", "The newest <backup> is 31h old."},
                       {"action", "Investigate & re-run backup"},
                       {"runbook_url", "https://example.com/runbook?a=1&b=2"}};
  alert.fired_at = kNow;
  return alert;
}

Notification Make(std::vector<model::Alert> alerts) {
  Notification notification;
  notification.event_id = "0123456789abcdef0123456789abcdef";
  notification.dedup_key = "drwatch1-abc";
  notification.receiver = "team";
  notification.external_url = "http://drwatch:10911";
  notification.sent_at = kNow + std::chrono::seconds(9);
  notification.alerts = std::move(alerts);
  return notification;
}

net::MailRequest Built(const config::EmailReceiver& receiver, const Notification& notification,
                       std::size_t template_errors = 0) {
  const auto built = BuildEmail(receiver, notification, base::Secret("pw"));
  EXPECT_TRUE(built) << built.error().message;
  if (!built) return {};
  EXPECT_EQ(built->template_errors.size(), template_errors);
  return std::get<net::MailRequest>(built->request);
}

void ExpectFitsTheWire(const std::string& message) {
  for (const std::string_view line : base::Split(message, '\n')) {
    EXPECT_LE(line.size(), 79U) << line;
    EXPECT_TRUE(line.empty() || line.ends_with('\r')) << line;
    for (const char c : line) EXPECT_TRUE((c >= 0x20 && c < 0x7f) || c == '\r' || c == '\t');
  }
}

// The header lines up to the empty one.
std::vector<std::string> HeaderNames(const std::string& message) {
  std::vector<std::string> names;
  const std::string header = message.substr(0, message.find("\r\n\r\n"));
  for (const std::string_view line : base::Split(header, '\n')) {
    if (!line.starts_with(' ')) names.push_back(std::string(line.substr(0, line.find(':'))));
  }
  return names;
}

TEST(EmailTest, GoldenPage) {
  config::EmailReceiver receiver = Email();
  receiver.text = "{{ .Status }}: {{ .CommonAnnotations.summary }}";
  const net::MailRequest request = Built(receiver, Make({Alert()}));
  EXPECT_EQ(request.server.ToString(), "mail.example.com:587");
  EXPECT_EQ(request.security, net::MailSecurity::kStartTls);
  EXPECT_EQ(request.hello, "localhost");
  EXPECT_EQ(request.sender, "drwatch@example.com");
  EXPECT_EQ(request.recipients,
            (std::vector<std::string>{"oncall@example.com", "jane@example.com"}));
  EXPECT_EQ(request.password.Reveal(), "pw");
  EXPECT_EQ(request.message,
            "From: drwatch <drwatch@example.com>\r\n"
            "To: oncall@example.com, Jane Roe <jane@example.com>\r\n"
            "Subject: [FIRING:1] BackupFailed: Backup nightly cannot be relied on\r\n"
            "Date: Thu, 01 Jan 2026 00:00:09 +0000\r\n"
            "Message-ID: <0123456789abcdef0123456789abcdef@example.com>\r\n"
            "In-Reply-To: <1d181c1591d2a930a6fe8372e940f827.incident@example.com>\r\n"
            "References: <1d181c1591d2a930a6fe8372e940f827.incident@example.com>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            "firing: Backup nightly cannot be relied on\r\n");
}

TEST(EmailTest, GoldenBuiltInTexts) {
  model::Alert second = Alert();
  second.labels = second.labels.With("backup", "weekly");
  second.resolved_at = kNow + std::chrono::minutes(5);
  Notification notification = Make({Alert(), second});
  notification.note = "PagerDuty refused it.";
  const std::string message = Built(Email(), notification).message;
  ExpectFitsTheWire(message);
  EXPECT_NE(message.find("Content-Type: multipart/alternative;\r\n "
                         "boundary=\"=_drwatch-0123456789abcdef0123456789abcdef\"\r\n"),
            std::string::npos);
  EXPECT_NE(message.find("PagerDuty refused it.\r\n\r\nFiring:\r\n\r\n"
                         "* BackupFailed: Backup nightly cannot be relied on\r\n"
                         "  The newest <backup> is 31h old.\r\n"
                         "  Action: Investigate & re-run backup\r\n"
                         "  Firing since 2026-01-01T00:00:00Z\r\n"
                         "  Labels: alertname=3D\"BackupFailed\" backup=3D\"nightly\" severity=3D\""
                         "critica=\r\nl\"\r\n"
                         "  Runbook: https://example.com/runbook?a=3D1&b=3D2\r\n\r\nResolved:\r\n"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("resolved at 2026-01-01T00:05:00Z"), std::string::npos);
  EXPECT_NE(message.find("The newest &lt;backup&gt; is 31h old."), std::string::npos);
  EXPECT_NE(message.find("Investigate &amp; re-run backup"), std::string::npos);
}

TEST(EmailTest, AResolveJoinsTheThreadOfItsPage) {
  Notification resolve = Make({Alert()});
  resolve.event_id = "ffffffffffffffffffffffffffffffff";
  resolve.alerts[0].resolved_at = kNow;
  const std::string first = Built(Email(), Make({Alert()})).message;
  const std::string second = Built(Email(), resolve).message;
  const auto line = [](const std::string& message, const std::string& name) {
    const std::size_t at = message.find(name);
    return message.substr(at, message.find("\r\n", at) - at);
  };
  EXPECT_EQ(line(first, "References:"), line(second, "References:"));
  EXPECT_EQ(line(first, "In-Reply-To:"), line(second, "In-Reply-To:"));
  EXPECT_NE(line(first, "Message-ID:"), line(second, "Message-ID:"));
  EXPECT_NE(second.find("Subject: [RESOLVED] BackupFailed"), std::string::npos);
}

TEST(EmailTest, NoTextBecomesAHeaderOrARecipient) {
  const std::string evil = "x\r\nBcc: evil@example.com\r\n\r\n<html>\n.\nQUIT";
  model::Alert alert = Alert();
  alert.labels = alert.labels.With("alertname", evil);
  alert.annotations = {{"summary", evil}};
  config::EmailReceiver receiver = Email();
  receiver.headers = {{"X-Team", "{{ .CommonLabels.alertname }}"},
                      {"subject", "{{ .CommonAnnotations.summary }}"},
                      {"Reply-To", "{{ .CommonAnnotations.summary }}"},
                      {"X-Empty", "{{ .CommonLabels.nothing }}"}};
  const net::MailRequest request = Built(receiver, Make({alert}));
  ExpectFitsTheWire(request.message);
  EXPECT_EQ(HeaderNames(request.message),
            (std::vector<std::string>{"From", "To", "subject", "Date", "Message-ID", "In-Reply-To",
                                      "References", "Auto-Submitted", "MIME-Version", "X-Team",
                                      "Reply-To", "Content-Type"}));
  receiver.to = "{{ .CommonLabels.alertname }}@example.com";
  EXPECT_FALSE(BuildEmail(receiver, Make({alert}), {}));
}

TEST(EmailTest, KeepsItsFormWithHostileTexts) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  model::Alert alert = Alert();
  alert.labels = alert.labels.With("huge", std::string(2'000'000, '=')).With("bytes", bytes);
  alert.annotations = {{"summary", std::string(5000, 'a') + "\xf0\x9f\x94\xa5" + bytes},
                       {"description", bytes + std::string(100'000, '.')},
                       {"runbook_url", "javascript:alert(1)"}};
  for (const Form form : {Form::kFull, Form::kMinimal}) {
    std::vector<model::Alert> alerts(1200, alert);
    for (std::size_t i = 1; i < alerts.size(); ++i) {
      alerts[i].labels = alerts[i].labels.Without("huge");
    }
    Notification notification = Make(std::move(alerts));
    notification.form = form;
    const std::string message = Built(Email(), notification).message;
    ExpectFitsTheWire(message);
    EXPECT_LT(message.size(), 4U << 20);
    EXPECT_EQ(message.find("javascript:"), std::string::npos);
    EXPECT_NE(message.find("and "), std::string::npos);
  }
}

TEST(EmailTest, ChoosesTheTransportAsAlertmanagerDoes) {
  config::EmailReceiver receiver = Email();
  const auto security = [&] { return Built(receiver, Make({Alert()})).security; };
  receiver.server.require_tls = false;
  EXPECT_EQ(security(), net::MailSecurity::kPlain);
  receiver.server.smarthost = "mail.example.com:465";
  EXPECT_EQ(security(), net::MailSecurity::kImplicitTls);
  receiver.server.smarthost = "[::1]:25";
  receiver.server.force_implicit_tls = true;
  EXPECT_EQ(security(), net::MailSecurity::kImplicitTls);
}

TEST(EmailTest, ATemplateThatFailsStillPages) {
  config::EmailReceiver receiver = Email();
  receiver.headers = {{"Subject", "{{ .Nonsense.Field }}"}};
  receiver.text = "{{ template \"nobody.defined.it\" . }}";
  const std::string message = Built(receiver, Make({Alert()}), 2).message;
  EXPECT_NE(message.find("Subject: [FIRING:1] BackupFailed"), std::string::npos);
  EXPECT_NE(message.find("* BackupFailed: Backup nightly"), std::string::npos);
}

TEST(EmailTest, JudgesEveryReply) {
  using Step = MailRefusal::Step;
  const auto judge = [](Step step, int code) {
    net::MailOutcome outcome;
    outcome.refusal = MailRefusal{step, code, "see https://x/" + std::string(400, 's')};
    return ClassifyEmail(outcome);
  };
  for (int step = 0; step <= static_cast<int>(Step::kMessage); ++step) {
    for (int code = 200; code < 600; ++code) {
      const Verdict verdict = judge(static_cast<Step>(step), code);
      EXPECT_EQ(verdict.kind, code >= 500 ? Kind::kRejected : Kind::kRetry) << code;
      EXPECT_FALSE(verdict.reason.empty());
      EXPECT_LE(verdict.detail.size(), 260U);
      EXPECT_EQ(verdict.detail.find("https://x/"), std::string::npos);
      EXPECT_EQ(verdict.minimal_may_help, code >= 500 && static_cast<Step>(step) == Step::kMessage);
    }
  }
  EXPECT_EQ(judge(Step::kGreeting, 421).reason, "server_error");
  EXPECT_EQ(judge(Step::kLogin, 535).reason, "auth");
  EXPECT_EQ(judge(Step::kRecipient, 550).reason, "not_found");
  EXPECT_EQ(judge(Step::kMessage, 552).reason, "client_error");
  EXPECT_EQ(judge(Step::kMessage, 250).reason, "unexpected_response");
  net::MailOutcome outcome;
  outcome.error = net::NetError{model::Reason::kTls, "no STARTTLS"};
  EXPECT_TRUE(ClassifyEmail(outcome).hopeless);
  EXPECT_EQ(ClassifyEmail(outcome).kind, Kind::kRetry);
  outcome = {};
  outcome.refused_recipients = {"b@example.com: 550 no such user"};
  EXPECT_EQ(ClassifyEmail(outcome).kind, Kind::kDelivered);
  EXPECT_EQ(ClassifyEmail(outcome).warning, "not delivered to b@example.com: 550 no such user");
}

TEST(MimeTest, EncodesWhatIsNotAscii) {
  EXPECT_EQ(HeaderLine("Subject", "grün\r\nX: y"), "Subject: =?utf-8?q?gr=C3=BCn__X=3A_y?=\r\n");
  EXPECT_EQ(HeaderLine("Subject", "=?x?="), "Subject: =?utf-8?q?=3D=3Fx=3F=3D?=\r\n");
  EXPECT_EQ(AddressLine("To", {{"Jürgen, Dr.", "j@x"}, {"O'Neil", "o@x"}}),
            "To: =?utf-8?q?J=C3=BCrgen=2C_Dr=2E?= <j@x>, =?utf-8?q?O=27Neil?= <o@x>\r\n");
  EXPECT_EQ(QuotedPrintable("a=b \nä\t\r\n" + std::string(80, 'x')),
            "a=3Db=20\r\n=C3=A4=09\r\n" + std::string(75, 'x') + "=\r\nxxxxx\r\n");
  EXPECT_EQ(MailDate(base::FromUnixMillis(1'795'258'609'999)), "Sat, 21 Nov 2026 10:56:49 +0000");
}

}  // namespace
}  // namespace drwatch::notify
