// What an Alertmanager is sent, word for word, and what each answer means.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixtures.h"
#include "notify/forward_request.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

ForwardItem Item(model::Alert alert) { return {1, 1, std::move(alert), kStart, true}; }

model::Alert BackupAlert() {
  model::Alert alert = Firing("BackupFailed", "nightly", kStart).alert;
  alert.annotations = {{"summary", "Backup \"nightly\" <cannot> be relied on"},
                       {"runbook_url", "http://drwatch:10911/runbooks/BackupFailed"}};
  alert.generator_url = "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1";
  return alert;
}

constexpr base::Timestamp kNow = kStart + 2min;

Json BodyOf(const std::vector<ForwardItem>& items, base::Timestamp now = kNow) {
  return Json::parse(BuildForward("http://am:9093/api/v2/alerts", items, now, 2min).body);
}

net::HttpOutcome Answer(int status, std::string body = {}) {
  net::HttpOutcome outcome;
  outcome.response.emplace();
  outcome.response->status = status;
  outcome.response->body = std::move(body);
  return outcome;
}

TEST(ForwardRequestTest, GoldenMessage) {
  EXPECT_EQ(BodyOf({Item(BackupAlert()),
                    Item(Resolved(Firing("Gone", "a", kStart), kStart + 90s).alert)}),
            Json::parse(R"([
    {"labels": {"alertname": "BackupFailed", "instance": "nightly", "severity": "critical"},
     "annotations": {"summary": "Backup \"nightly\" <cannot> be relied on",
                     "runbook_url": "http://drwatch:10911/runbooks/BackupFailed"},
     "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:04:00Z",
     "generatorURL": "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1"},
    {"labels": {"alertname": "Gone", "instance": "a", "severity": "critical"},
     "annotations": {"summary": "Gone on a"},
     "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:01:30Z"}])"));
}

TEST(ForwardRequestTest, PostsJson) {
  const net::HttpRequest request = BuildForward("http://am:9093/api/v2/alerts", {}, kStart, 4min);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url.Reveal(), "http://am:9093/api/v2/alerts");
  EXPECT_EQ(request.max_redirects, 0);
  EXPECT_FALSE(request.fresh_connection);
  EXPECT_EQ(request.body, "[]");
}

// Alertmanager refuses an end before its start, bytes that are no text, and addresses that are
// none.
TEST(ForwardRequestTest, SendsNothingThatIsRefusedWhateverTheAlertHolds) {
  model::Alert alert = Resolved(Firing("A", "\xff\xfe\x01", kStart), kStart - 1h).alert;
  alert.annotations = {{"summary", std::string(1 << 20, 'x')}};
  alert.generator_url = "javascript:alert(1)";
  const Json sent = BodyOf({Item(alert)}).at(0);
  EXPECT_EQ(sent.at("endsAt"), sent.at("startsAt"));
  EXPECT_EQ(sent.at("labels").at("instance"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_LT(sent.at("annotations").at("summary").get<std::string>().size(), 17U << 10);
  EXPECT_FALSE(sent.contains("generatorURL"));
}

// Whoever hears of an end that lies ahead goes on paging until then.
TEST(ForwardRequestTest, NothingBeginsOrEndedLaterThanNow) {
  const model::AlertEvent fired = Firing("A", "a", kStart + 1h);
  const Json firing = BodyOf({Item(fired.alert)}).at(0);
  EXPECT_EQ(firing.at("startsAt"), "2026-01-01T00:02:00Z");
  EXPECT_EQ(firing.at("endsAt"), "2026-01-01T00:04:00Z");
  // Set back before it ended: the same is told as often as it is repeated.
  for (const base::Timestamp now : {kNow, kNow + 5min}) {
    const Json ended = BodyOf({Item(Resolved(fired, kStart + 1min).alert)}, now).at(0);
    EXPECT_EQ(ended.at("startsAt"), "2026-01-01T00:01:00Z");
    EXPECT_EQ(ended.at("endsAt"), "2026-01-01T00:01:00Z");
  }
  // Set back after it ended.
  const Json before = BodyOf({Item(Resolved(fired, kStart + 2h).alert)}).at(0);
  EXPECT_EQ(before.at("startsAt"), "2026-01-01T00:02:00Z");
  EXPECT_EQ(before.at("endsAt"), "2026-01-01T00:02:00Z");
}

TEST(ForwardRequestTest, CountsBytesNotTooLow) {
  const model::Alert alert = BackupAlert();
  EXPECT_GE(ForwardedBytes(alert), BodyOf({Item(alert)}).dump().size() - 2);
}

TEST(ForwardRequestTest, JudgesEveryStatus) {
  for (int status = 100; status < 600; ++status) {
    const Verdict verdict = ClassifyForward(Answer(status), kStart);
    const bool good = status / 100 == 2;
    const bool again =
        status == 408 || status == 425 || status == 429 || status / 100 == 5 || status / 100 == 1;
    EXPECT_EQ(verdict.kind, good    ? Verdict::Kind::kDelivered
                            : again ? Verdict::Kind::kRetry
                                    : Verdict::Kind::kRejected)
        << status;
    const bool sender = status == 401 || status == 403 || status == 404 || status == 410;
    EXPECT_EQ(verdict.minimal_may_help, status / 100 == 4 && !again && !sender) << status;
    EXPECT_EQ(verdict.reason.empty(), good) << status;
  }
}

TEST(ForwardRequestTest, IsNotFooledByAPageOfAProxy) {
  EXPECT_EQ(ClassifyForward(Answer(200, "<html>Log in</html>"), kStart).kind,
            Verdict::Kind::kRetry);
  net::HttpOutcome page = Answer(200, "please log in");
  page.response->headers = {{"content-type", "text/HTML; charset=utf-8"}};
  EXPECT_EQ(ClassifyForward(page, kStart).reason, "unexpected_response");
}

TEST(ForwardRequestTest, HonoursRetryAfter) {
  net::HttpOutcome outcome = Answer(503);
  outcome.response->headers = {{"retry-after", "30"}};
  EXPECT_EQ(ClassifyForward(outcome, kStart).retry_after, base::Duration(30s));
}

TEST(ForwardRequestTest, AFailedConnectionIsTriedAgain) {
  net::HttpOutcome outcome;
  outcome.error = net::NetError{model::Reason::kConnectionRefused, "am:9093: refused"};
  const Verdict verdict = ClassifyForward(outcome, kStart);
  EXPECT_EQ(verdict.kind, Verdict::Kind::kRetry);
  EXPECT_EQ(verdict.reason, "connection_refused");
  EXPECT_FALSE(verdict.minimal_may_help);
}

}  // namespace
}  // namespace drwatch::notify
