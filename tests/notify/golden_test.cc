// What each receiver is sent, word for word.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "notify/expand.h"
#include "notify/receiver.h"
#include "notify/text.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;

model::Alert BackupAlert() {
  model::Alert alert;
  alert.labels = {{"alertname", "BackupFailed"},
                  {"backup", "nightly"},
                  {"probe", "nightly"},
                  {"service", "shop"},
                  {"severity", "disaster"}};
  alert.annotations = {{"summary", "Backup nightly cannot be relied on"},
                       {"description", "The newest <backup> is 31h old."},
                       {"action", "Investigate & re-run backup"},
                       {"runbook_url", "http://drwatch:10911/runbooks/BackupFailed"}};
  alert.state = model::AlertState::kFiring;
  alert.value = 0.25;
  alert.fired_at = base::FromUnixMillis(1'767'225'600'000);
  alert.generator_url = "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1";
  return alert;
}

Notification Make(std::vector<model::Alert> alerts) {
  Notification notification;
  notification.event_id = "event-1";
  notification.dedup_key = "drwatch1-abc";
  notification.receiver = "oncall";
  notification.group_key = "{}:{alertname=\"BackupFailed\"}";
  notification.group_labels = {{"alertname", "BackupFailed"}};
  notification.external_url = "http://drwatch:10911";
  notification.severity = PageSeverity::kCritical;
  notification.alerts = std::move(alerts);
  return notification;
}

model::Alert Resolved(model::Alert alert) {
  alert.state = model::AlertState::kInactive;
  alert.resolved_at = alert.fired_at + std::chrono::minutes(5);
  return alert;
}

Json BodyOf(const config::Integration& integration, const Notification& notification) {
  const auto built = Build(integration, notification, base::Secret("http://receiver/secret"));
  EXPECT_TRUE(built) << built.error().message;
  return built ? Json::parse(std::get<net::HttpRequest>(built->request).body) : Json();
}

TEST(GoldenTest, PagerDutyTrigger) {
  EXPECT_EQ(BodyOf(config::PagerDutyReceiver{}, Make({BackupAlert()})), Json::parse(R"({
    "routing_key": "http://receiver/secret", "event_action": "trigger", "dedup_key": "drwatch1-abc",
    "client": "drwatch", "client_url": "http://drwatch:10911",
    "payload": {
      "summary": "BackupFailed: Backup nightly cannot be relied on", "source": "nightly",
      "severity": "critical", "timestamp": "2026-01-01T00:00:00Z", "component": "shop",
      "class": "BackupFailed",
      "custom_details": {
        "alertname": "BackupFailed", "description": "The newest <backup> is 31h old.",
        "action": "Investigate & re-run backup", "value": "0.25",
        "firing_since": "2026-01-01T00:00:00Z",
        "labels": {"alertname": "BackupFailed", "backup": "nightly", "probe": "nightly",
                   "service": "shop", "severity": "disaster"},
        "annotations": {"summary": "Backup nightly cannot be relied on",
                        "runbook_url": "http://drwatch:10911/runbooks/BackupFailed"}}},
    "links": [{"href": "http://drwatch:10911/runbooks/BackupFailed", "text": "Runbook"},
              {"href": "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1",
               "text": "Expression"}]})"));
}

TEST(GoldenTest, PagerDutyResolve) {
  EXPECT_EQ(BodyOf(config::PagerDutyReceiver{}, Make({Resolved(BackupAlert())})), Json::parse(R"({
    "routing_key": "http://receiver/secret", "event_action": "resolve",
    "dedup_key": "drwatch1-abc"})"));
}

TEST(GoldenTest, PagerDutyMinimal) {
  Notification notification = Make({BackupAlert()});
  notification.form = Form::kMinimal;
  EXPECT_EQ(BodyOf(config::PagerDutyReceiver{}, notification), Json::parse(R"({
    "routing_key": "http://receiver/secret", "event_action": "trigger", "dedup_key": "drwatch1-abc",
    "payload": {"summary": "BackupFailed: Backup nightly cannot be relied on", "source": "drwatch",
                "severity": "critical"}})"));
}

TEST(GoldenTest, PagerDutyTemplates) {
  config::PagerDutyReceiver receiver;
  receiver.description =
      "{{ .CommonLabels.service }} {{ range .Alerts.Firing }}{{ .Labels.backup }}{{ end }}";
  receiver.severity = "{{ if eq .CommonLabels.severity \"disaster\" }}P2{{ end }}";
  receiver.details = {{"team", "{{ .Receiver | toUpper }}"}};
  const Json body = BodyOf(receiver, Make({BackupAlert()}));
  EXPECT_EQ(body["payload"]["summary"], "shop nightly");
  EXPECT_EQ(body["payload"]["severity"], "error");
  EXPECT_EQ(body["payload"]["custom_details"]["team"], "ONCALL");
}

TEST(GoldenTest, ATemplateThatFailsStillPages) {
  config::PagerDutyReceiver receiver;
  receiver.description = "{{ .Nonsense.Field }}";
  receiver.severity = "{{ unclosed";
  const auto built = Build(receiver, Make({BackupAlert()}), base::Secret("key"));
  ASSERT_TRUE(built);
  const Json body = Json::parse(std::get<net::HttpRequest>(built->request).body);
  EXPECT_EQ(body["payload"]["summary"], "BackupFailed: Backup nightly cannot be relied on");
  EXPECT_EQ(body["payload"]["severity"], "critical");
  EXPECT_EQ(built->template_errors.size(), 2U);
}

TEST(GoldenTest, SlackFiringAndResolved) {
  const Json firing = BodyOf(config::SlackReceiver{}, Make({BackupAlert()}));
  EXPECT_EQ(firing["text"], "[FIRING:1] BackupFailed: Backup nightly cannot be relied on");
  EXPECT_EQ(firing["attachments"][0]["color"], "#e01e5a");
  EXPECT_EQ(firing["attachments"][0]["fallback"], firing["text"]);
  EXPECT_EQ(firing["attachments"][0]["blocks"][0]["text"]["text"],
            ":rotating_light: *BackupFailed: Backup nightly cannot be relied on* (disaster)\n"
            "The newest &lt;backup&gt; is 31h old.\n*Action:* Investigate &amp; re-run backup\n"
            "Firing since 2026-01-01T00:00:00Z\n"
            "<http://drwatch:10911/runbooks/BackupFailed|Runbook> · "
            "<http://drwatch:10911/graph?g0.expr=backup_success&amp;g0.tab=1|Expression>");
  const Json resolved = BodyOf(config::SlackReceiver{}, Make({Resolved(BackupAlert())}));
  EXPECT_EQ(resolved["text"], "[RESOLVED] BackupFailed: Backup nightly cannot be relied on");
  EXPECT_EQ(resolved["attachments"][0]["color"], "#2eb67d");
  EXPECT_NE(resolved.dump().find("resolved at 2026-01-01T00:05:00Z"), std::string::npos);
}

TEST(GoldenTest, SlackMinimalIsPlainText) {
  Notification notification = Make({BackupAlert()});
  notification.form = Form::kMinimal;
  EXPECT_EQ(
      BodyOf(config::SlackReceiver{}, notification),
      Json::parse(R"({"text": "[FIRING:1] BackupFailed: Backup nightly cannot be relied on"})"));
}

TEST(GoldenTest, PagerDutyLinksImagesAndSource) {
  config::PagerDutyReceiver receiver;
  receiver.source = "{{ .CommonLabels.backup }}";
  receiver.client = "{{ .Receiver }}";
  receiver.links = {{"https://wiki/{{ .CommonLabels.service }}", "Wiki"}, {"javascript:x", "no"}};
  receiver.images = {{"https://plots/a.png", "{{ .Status }}", "https://plots"},
                     {"http://plots/insecure.png", "", ""}};
  const Json body = BodyOf(receiver, Make({BackupAlert()}));
  EXPECT_EQ(body["payload"]["source"], "nightly");
  EXPECT_EQ(body["client"], "oncall");
  EXPECT_EQ(body["links"].size(), 3u);
  EXPECT_EQ(body["links"][2], Json::parse(R"({"href": "https://wiki/shop", "text": "Wiki"})"));
  EXPECT_EQ(body["images"], Json::parse(R"([{"src": "https://plots/a.png", "alt": "firing",
                                             "href": "https://plots"}])"));
  receiver.source = "{{ .CommonLabels.nothing }}";
  EXPECT_EQ(BodyOf(receiver, Make({BackupAlert()}))["payload"]["source"], "nightly")
      << "never blank";
}

TEST(GoldenTest, SlackWithPartsIsTheAttachmentOfOld) {
  config::SlackReceiver receiver;
  receiver.username = "drwatch";
  receiver.icon_emoji = ":floppy_disk:";
  receiver.color = "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}";
  receiver.title_link = "{{ .ExternalURL }}";
  receiver.text = "{{ .CommonAnnotations.summary }}";
  receiver.footer = "{{ .Nonsense.Field }}";
  receiver.fields = {{"Service", "{{ .CommonLabels.service }}", std::nullopt}, {"A", "b", false}};
  receiver.short_fields = true;
  receiver.actions = {{"button", "Runbook", "https://x", "", "", "", "", "Sure?", "", ""}};
  receiver.link_names = true;
  const auto built = Build(receiver, Make({BackupAlert()}), base::Secret("http://x/"));
  ASSERT_TRUE(built);
  EXPECT_EQ(built->template_errors.size(), 1U);
  EXPECT_EQ(Json::parse(std::get<net::HttpRequest>(built->request).body), Json::parse(R"({
    "username": "drwatch", "icon_emoji": ":floppy_disk:", "link_names": true,
    "attachments": [{
      "color": "danger", "title": "[FIRING:1] BackupFailed: Backup nightly cannot be relied on",
      "fallback": "[FIRING:1] BackupFailed: Backup nightly cannot be relied on",
      "title_link": "http://drwatch:10911", "text": "Backup nightly cannot be relied on",
      "fields": [{"title": "Service", "value": "shop", "short": true},
                 {"title": "A", "value": "b", "short": false}],
      "actions": [{"type": "button", "text": "Runbook", "url": "https://x",
                   "confirm": {"text": "Sure?"}}],
      "mrkdwn_in": ["fallback", "pretext", "text"]}]})"));
}

TEST(GoldenTest, WebhookKeepsToMaxAlerts) {
  config::WebhookReceiver receiver;
  receiver.max_alerts = 1;
  const Json body = BodyOf(receiver, Make({BackupAlert(), Resolved(BackupAlert())}));
  EXPECT_EQ(body["alerts"].size(), 1u);
  EXPECT_EQ(body["truncatedAlerts"], 1);
}

TEST(GoldenTest, SlackTitleOfAGroup) {
  model::Alert second = BackupAlert();
  second.labels = second.labels.With("backup", "weekly");
  const Json body = BodyOf(config::SlackReceiver{}, Make({BackupAlert(), Resolved(second)}));
  EXPECT_EQ(body["text"], "[FIRING:1] BackupFailed");
}

TEST(GoldenTest, WebhookDocument) {
  model::Alert second = Resolved(BackupAlert());
  second.labels = second.labels.With("backup", "weekly");
  Json expected = Json::parse(R"({
    "version": "4", "groupKey": "{}:{alertname=\"BackupFailed\"}", "truncatedAlerts": 0,
    "status": "firing", "receiver": "oncall", "groupLabels": {"alertname": "BackupFailed"},
    "commonLabels": {"alertname": "BackupFailed", "probe": "nightly", "service": "shop",
                     "severity": "disaster"},
    "commonAnnotations": {"summary": "Backup nightly cannot be relied on",
      "description": "The newest <backup> is 31h old.", "action": "Investigate & re-run backup",
      "runbook_url": "http://drwatch:10911/runbooks/BackupFailed"},
    "externalURL": "http://drwatch:10911", "notification_reason": "trigger",
    "alerts": [{"status": "firing", "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1"},
               {"status": "resolved", "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "2026-01-01T00:05:00Z",
                "generatorURL": "http://drwatch:10911/graph?g0.expr=backup_success&g0.tab=1"}]})");
  for (int i = 0; i < 2; ++i) {
    const model::Alert& alert = i == 0 ? BackupAlert() : second;
    for (const model::LabelView label : alert.labels) {
      expected["alerts"][i]["labels"][std::string(label.name)] = label.value;
    }
    expected["alerts"][i]["annotations"] = expected["commonAnnotations"];
    expected["alerts"][i]["fingerprint"] = alert.FingerprintHex();
  }
  EXPECT_EQ(BodyOf(config::WebhookReceiver{}, Make({BackupAlert(), second})), expected);
}

TEST(SeverityTest, NeverYieldsAWordPagerDutyRefuses) {
  EXPECT_EQ(MapSeverity("critical", {}), PageSeverity::kCritical);
  EXPECT_EQ(MapSeverity("Disaster", {}), PageSeverity::kCritical);
  EXPECT_EQ(MapSeverity(" P2 ", {}), PageSeverity::kError);
  EXPECT_EQ(MapSeverity("warning", {}), PageSeverity::kWarning);
  EXPECT_EQ(MapSeverity("none", {}), PageSeverity::kInfo);
  EXPECT_EQ(MapSeverity("", {}), PageSeverity::kCritical);
  EXPECT_EQ(MapSeverity("bogus", {}), PageSeverity::kCritical);
  EXPECT_EQ(MapSeverity("bogus", {{"default", "warning"}}), PageSeverity::kWarning);
  EXPECT_EQ(MapSeverity("", {{"default", "warning"}}), PageSeverity::kWarning);
  EXPECT_EQ(MapSeverity("disaster", {{"Disaster", "error"}}), PageSeverity::kError);
  EXPECT_EQ(MapSeverity("tier0", {{"tier0", "nonsense"}}), PageSeverity::kCritical);
}

TEST(TextTest, CutsAtCharacters) {
  EXPECT_EQ(CutCharacters("abc", 3), "abc");
  EXPECT_EQ(CutCharacters("abcd", 3), "ab…");
  EXPECT_EQ(CutCharacters("äöüx", 3), "äö…");
  EXPECT_EQ(CutCharacters("\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5", 3), "\xf0\x9f\x94\xa5…");
  EXPECT_EQ(CutCharacters("ab", 0), "");
}

TEST(TextTest, CleansWhatReceiversChokeOn) {
  EXPECT_EQ(CleanText("a\r\nb\tc\x01\xff"), "a\nb\tc\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(CleanLine(" a\nb\r "), "a b");
  EXPECT_TRUE(IsWebUrl("HTTPS://x"));
  for (const char* bad : {"", "http://", "https://", "ftp://x", "http://a b", "javascript:x"}) {
    EXPECT_FALSE(IsWebUrl(bad)) << bad;
  }
}

TEST(TextTest, AlwaysHasASummary) {
  model::Alert alert;
  EXPECT_EQ(AlertSummary(alert), "alert without a name");
  alert.labels = {{"job", "x"}};
  EXPECT_EQ(AlertSummary(alert), "{job=\"x\"}");
  alert.labels = {{"job", "x"}, {"alertname", "Down"}};
  EXPECT_EQ(AlertSummary(alert), "Down {job=\"x\"}");
  alert.annotations = {{"description", "Down again"}};
  EXPECT_EQ(AlertSummary(alert), "Down again");
}

TEST(CheckTemplatesTest, NamesThePlaceOfWhatCannotBeParsed) {
  config::Receiver receiver;
  receiver.templates = {
      {"slack_configs: title", "{{ .Status | toUpper }} {{ join \",\" .Alerts }}", {"f.yml", 3, 5}},
      {"slack_configs: text", "a\n{{ .Status | toUper }}", {"f.yml", 4, 5}},
      {"pagerduty_configs: details.x", "{{ if .Status }}", {"f.yml", 5, 5}}};
  config::Config config;
  config.receivers = {receiver};
  config.templates = {{"/t/bad.tmpl", "\n{{ define }}", {"f.yml", 9, 3}}};
  config::Problems problems;
  CheckTemplates(config, problems);
  ASSERT_EQ(problems.all().size(), 3u);
  EXPECT_NE(problems.all()[0].ToString().find("f.yml:9:3: not a valid template: /t/bad.tmpl:2:"),
            std::string::npos)
      << problems.all()[0].ToString();
  EXPECT_EQ(problems.all()[1].ToString(),
            "f.yml:4:5: slack_configs: text: not a valid template: 2:14: function \"toUper\" not "
            "defined");
  EXPECT_EQ(problems.all()[2].position.line, 5);
}

}  // namespace
}  // namespace drwatch::notify
