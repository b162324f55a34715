#include "web/status_page.h"

#include <gtest/gtest.h>

namespace drwatch::web {
namespace {

TEST(StatusPageTest, EscapesEverythingFromOutside) {
  StatusView view;
  model::ProbeResult result;
  result.probe = "<script>alert(1)</script>";
  result.checks = {
      {"status", model::Severity::kCritical, model::Reason::kTimeout, "a \"b\" <i>", "do & see"}};
  view.probes = {result};
  model::Alert alert;
  alert.labels = model::Labels{{"alertname", "<x>"}};
  alert.annotations = model::Labels{{"runbook_url", "javascript:alert(1)"}, {"summary", "<img>"}};
  alert.state = model::AlertState::kFiring;
  view.alerts = {alert};
  const std::string page = StatusPage(view);
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_EQ(page.find("<img>"), std::string::npos);
  EXPECT_EQ(page.find("javascript:"), std::string::npos);
  EXPECT_NE(page.find("&lt;x&gt;"), std::string::npos);
  EXPECT_NE(page.find("do &amp; see"), std::string::npos);
}

TEST(StatusPageTest, ShowsTheWorstProbeFirstAndHidesTheWatchdog) {
  StatusView view;
  model::ProbeResult good;
  good.probe = "good-one";
  good.checks = {{"status", model::Severity::kOk, model::Reason::kNone, "200", ""}};
  model::ProbeResult bad = good;
  bad.probe = "bad-one";
  bad.checks[0].severity = model::Severity::kCritical;
  view.probes = {good, bad};
  model::Alert watchdog;
  watchdog.labels = model::Labels{{"alertname", "Watchdog"}, {"severity", "none"}};
  view.alerts = {watchdog};
  const std::string page = StatusPage(view);
  EXPECT_LT(page.find("bad-one"), page.find("good-one"));
  EXPECT_EQ(page.find("Watchdog"), std::string::npos);
}

TEST(StatusPageTest, ShowsWhatEachScenarioWouldCost) {
  StatusView view;
  view.now = base::FromUnixMillis(1'775'822'400'000);
  EXPECT_NE(StatusPage(view).find("Nothing of a service is watched."), std::string::npos);
  recovery::ServiceReport& service = view.services.emplace_back();
  service.service = "<shop>";
  service.target_seconds = 3600;
  service.rto_target_seconds = 1800;
  recovery::ScenarioReport& report = service.scenarios.emplace_back();
  report.scenario = recovery::Scenario::kSiteLost;
  const auto row = [&view](const std::string& state) {
    return "<span class=\"badge " + state + "\">" + state +
           "</span></td><td>&lt;shop&gt;</td><td>site_lost</td><td>";
  };
  report.data = {{"<database>", {}}};
  EXPECT_NE(
      StatusPage(view).find(row("critical") + "all of &lt;database&gt;</td><td>1h</td><td></td>"),
      std::string::npos);
  recovery::RecoveryPath path;
  path.point = view.now - std::chrono::minutes(20);
  report.data[0].paths = {path};
  EXPECT_NE(StatusPage(view).find(row("ok") + "20m</td><td>1h</td><td>0s</td><td></td><td>30m"),
            std::string::npos);
  recovery::RestoreStep slow;
  slow.bytes = 0;
  slow.retrieval = std::chrono::hours(5);
  report.data[0].paths[0].steps = {slow};
  EXPECT_NE(StatusPage(view).find(row("warning") + "20m</td><td>1h</td><td>5h</td>"),
            std::string::npos);
  report.data[0].paths[0].steps.clear();
  report.measured =
      recovery::MeasuredTime{std::chrono::minutes(25), view.now - std::chrono::hours(24)};
  EXPECT_NE(StatusPage(view).find(row("ok") +
                                  "20m</td><td>1h</td><td>0s</td><td>25m, 1d ago</td><td>30m"),
            std::string::npos);
  report.measured->took = std::chrono::minutes(42);
  EXPECT_NE(StatusPage(view).find(row("critical") + "20m</td>"), std::string::npos);
  report.measured.reset();
  report.data[0].paths[0].point = view.now - std::chrono::hours(2);
  EXPECT_NE(StatusPage(view).find(row("critical") + "2h</td>"), std::string::npos);
}

TEST(StatusPageTest, NamesTheLatestGoodBackup) {
  StatusView view;
  model::ProbeResult result;
  result.checks = {
      {"format", model::Severity::kCritical, model::Reason::kIncomplete, "cut off", ""},
      {"size", model::Severity::kOk, model::Reason::kNone, "2 GiB", ""},
      {"latest_good", model::Severity::kOk, model::Reason::kNone, "shop-1.dump, 3h old", ""}};
  view.probes = {result};
  const std::string page = StatusPage(view);
  EXPECT_NE(page.find("<b>latest_good</b> shop-1.dump, 3h old"), std::string::npos);
  EXPECT_EQ(page.find("2 GiB"), std::string::npos);
}

TEST(StatusPageTest, OffersToAcknowledgeAndShowsWhoHas) {
  StatusView view;
  model::Alert alert;
  alert.labels = model::Labels{{"alertname", "X"}};
  alert.state = model::AlertState::kFiring;
  view.alerts = {alert};
  EXPECT_EQ(StatusPage(view).find("acknowledge?"), std::string::npos) << "delivery knows it not";
  view.attention[alert.FingerprintHex()] = {"00ff", "", "cto <i> in 5m"};
  const std::string open = StatusPage(view);
  EXPECT_NE(open.find("href=\"acknowledge?fingerprint=00ff\">Acknowledge<"), std::string::npos);
  EXPECT_NE(open.find("next: cto &lt;i&gt; in 5m"), std::string::npos);
  view.attention[alert.FingerprintHex()].acknowledged = "by <b>ann</b>";
  const std::string taken = StatusPage(view);
  EXPECT_EQ(taken.find("acknowledge?"), std::string::npos);
  EXPECT_NE(taken.find("Acknowledged by &lt;b&gt;ann&lt;/b&gt;"), std::string::npos);
}

TEST(RunbookPageTest, ShowsHeadingsListsAndLinks) {
  const std::string page = RunbookPage(
      "X",
      "# X\n\n**Means:** `a` < b\n\n## Look\n1. one [Y](Y.md)\n2. two\n\n## Over when\nquiet\n");
  EXPECT_NE(page.find("<h1>X</h1>"), std::string::npos);
  EXPECT_NE(page.find("<b>Means:</b> <code>a</code> &lt; b"), std::string::npos);
  EXPECT_NE(page.find("<ol>\n<li>one <a href=\"Y\">Y</a></li>\n<li>two</li>\n</ol>"),
            std::string::npos);
}

}  // namespace
}  // namespace drwatch::web
