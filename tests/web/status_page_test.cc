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
