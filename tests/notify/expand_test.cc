// Templates with Alertmanager's data, functions and names.
#include "notify/expand.h"

#include <gtest/gtest.h>

#include <limits>

#include "notify/default_templates.h"
#include "notify/template_functions.h"

namespace drwatch::notify {
namespace {

constexpr base::Timestamp kNow = base::FromUnixMillis(1'767'225'600'000);

Notification Make() {
  Notification notification;
  notification.receiver = "team";
  notification.external_url = "http://drwatch:10911";
  notification.group_labels = {{"alertname", "Down"}, {"site", "a&b"}};
  notification.sent_at = kNow;
  for (const char* instance : {"<one>", "two"}) {
    model::Alert alert;
    alert.labels = {{"alertname", "Down"}, {"instance", instance}, {"site", "a&b"}};
    alert.annotations = {{"summary", "it is <b>down</b>"}};
    alert.fired_at = kNow;
    notification.alerts.push_back(std::move(alert));
  }
  notification.templates = MakeLibrary(config::Config{});
  return notification;
}

std::string Expand(const std::string& text, const Notification& notification = Make()) {
  Expander expander(notification);
  std::string expanded = expander.Expand("text", text, "built-in");
  for (const std::string& error : expander.TakeErrors()) expanded += " | " + error;
  return expanded;
}

TEST(ExpandTest, KnowsAlertmanagersMethodsAndFunctions) {
  EXPECT_EQ(Expand("{{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}"),
            "alertname=Down;site=a&b;");
  EXPECT_EQ(Expand("{{ .GroupLabels.Names | join \",\" }} {{ .GroupLabels.Values | join \",\" }}"),
            "alertname,site Down,a&b");
  EXPECT_EQ(Expand("{{ (.GroupLabels.Remove (stringSlice \"site\")).SortedPairs.Values }}"),
            "[Down]");
  EXPECT_EQ(Expand("{{ len .Alerts.Firing }} {{ (index .Alerts.Firing 0).Labels.instance }}"),
            "2 <one>");
  EXPECT_EQ(Expand("{{ (index .Alerts 0).StartsAt | date \"2006-01-02 15:04\" }}"),
            "2026-01-01 00:00");
  EXPECT_EQ(Expand("{{ range (append (list 1 2) 3) }}{{ . }}{{ end }}"), "123");
  EXPECT_EQ(Expand("{{ (dict \"a\" \"b\").a }}{{ trimSpace \" x \" }}{{ safeUrl \"u\" }}"), "bxu");
  const std::string start = "{{ (index .Alerts 0).StartsAt";
  EXPECT_EQ(Expand(start + " | tz \"Europe/Berlin\" | date \"2006-01-02 15:04 MST -0700\" }}"),
            "2026-01-01 01:00 CET +0100");
  EXPECT_EQ(Expand("{{ ((index .Alerts 0).StartsAt | tz \"America/St_Johns\").Format "
                   "\"02 15:04 Z07:00\" }}"),
            "31 20:30 -03:30");
  EXPECT_EQ(Expand("{{ ((index .Alerts 0).StartsAt | tz \"Asia/Kolkata\").UTC.Hour }}"), "0");
  EXPECT_EQ(Expand("{{ ((index .Alerts 0).StartsAt.Add 28800e9).Format \"15:04\" }}"), "08:00");
  EXPECT_EQ(Expand("{{ since (index .Alerts 0).StartsAt }}"), "0s");
  EXPECT_EQ(Expand(start + ".IsZero }} {{ (index .Alerts 0).EndsAt.IsZero }}"), "false true");
  const std::string end = "{{ (index .Alerts 0).EndsAt";
  EXPECT_EQ(Expand(end + " }}"), "0001-01-01 00:00:00 +0000 UTC");
  EXPECT_EQ(Expand(end + ".Weekday }} " + end + ".YearDay }} " + end + ".Unix }}"),
            "Monday 1 -62135596800");
  EXPECT_EQ(Expand(start + ".Sub (index .Alerts 0).EndsAt }}"), "2562047h47m16.854775807s");
  EXPECT_EQ(Expand("{{ urlUnescape \"a+b%2Fc\" }}"), "a b/c");
  for (const char* bad : {"{{ (index .Alerts 0).StartsAt | tz \"Mars/Olympus\" }}", "{{ since 1 }}",
                          "{{ tz \"UTC\" 1 }}", "{{ urlUnescape \"%x\" }}"}) {
    EXPECT_TRUE(Expand(bad).starts_with("built-in | text: ")) << Expand(bad);
  }
  for (const char* bad : {"{{ dict \"a\" }}", "{{ join \",\" .Alerts }}", "{{ date \"x\" 1 }}",
                          "{{ append 1 2 }}", "{{ .GroupLabels.Remove 1 }}"}) {
    EXPECT_TRUE(Expand(bad).starts_with("built-in | text: ")) << Expand(bad);
  }
}

TEST(ExpandTest, WritesJsonAsGoDoes) {
  EXPECT_EQ(Expand("{{ .GroupLabels | toJson }}"), R"({"alertname":"Down","site":"a\u0026b"})");
  EXPECT_EQ(
      Expand("{{ index .Alerts 0 | toJson }}"),
      R"({"status":"firing","labels":{"alertname":"Down","instance":"\u003cone\u003e",)"
      R"("site":"a\u0026b"},"annotations":{"summary":"it is \u003cb\u003edown\u003c/b\u003e"},)"
      R"("startsAt":"2026-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"",)"
      R"("fingerprint":")" +
          Make().alerts[0].FingerprintHex() + R"("})");
  Notification none = Make();
  none.alerts.clear();
  EXPECT_EQ(Expand("{{ toJson . }}", none),
            R"({"receiver":"team","status":"resolved","alerts":[],)"
            R"("groupLabels":{"alertname":"Down","site":"a\u0026b"},"commonLabels":{},)"
            R"("commonAnnotations":{},"externalURL":"http://drwatch:10911",)"
            R"("notification_reason":"trigger"})");
  none.acknowledge_url = "http://ack";
  EXPECT_NE(Expand("{{ toJson . }}", none).find(R"("acknowledgeURL":"http://ack")"),
            std::string::npos);
  EXPECT_EQ(Expand("{{ .GroupLabels.SortedPairs | toJson }}"),
            R"([{"Name":"alertname","Value":"Down"},{"Name":"site","Value":"a\u0026b"}])");
  EXPECT_EQ(Expand("{{ list 1 -2.5 1e21 1e-7 true \"é\" nil | toJson }}"),
            "[1,-2.5,1e+21,1e-7,true,\"é\",null]");
  EXPECT_EQ(Expand(R"({{ toJson "\" \\ \n\t\b\x01\x7f\xff\u2028" }})"),
            "\"\\\" \\\\ \\n\\t\\b\\u0001\x7f\\ufffd\\u2028\"");
  model::Alert alert;
  alert.fired_at = kNow + base::Duration(120);
  alert.value = std::numeric_limits<double>::quiet_NaN();
  none.alerts = {alert};
  EXPECT_EQ(Expand("{{ (index .Alerts 0).StartsAt | toJson }}", none),
            "\"2026-01-01T00:00:00.12Z\"");
  EXPECT_TRUE(Expand("{{ (index .Alerts 0).Value | toJson }}", none).starts_with("built-in | "));
}

TEST(ExpandTest, LocalIsTheZoneOfTheMachine) {
  setenv("TZ", "America/New_York", 1);
  const std::string summer =
      "{{ ((index .Alerts 0).StartsAt.Local.Add 15552000000000000).Format "
      "\"15:04 MST\" }}";
  EXPECT_EQ(Expand("{{ (index .Alerts 0).StartsAt.Local.Format \"15:04 MST\" }}"), "19:00 EST");
  EXPECT_EQ(Expand(summer), "20:00 EDT") << "another offset after 180 days";
  setenv("TZ", "Mars/Olympus", 1);
  EXPECT_EQ(Expand("{{ (index .Alerts 0).StartsAt.Local.Format \"15:04 MST\" }}"), "00:00 UTC");
  unsetenv("TZ");
}

TEST(ExpandTest, DefinesTheNamesConfigurationsReferTo) {
  const Notification notification = Make();
  for (const char* name :
       {"slack.default.title", "slack.default.text", "slack.default.username",
        "slack.default.fallback", "slack.default.titlelink", "slack.default.pretext",
        "slack.default.callbackid", "slack.default.footer", "slack.default.iconemoji",
        "slack.default.iconurl", "pagerduty.default.description", "pagerduty.default.client",
        "pagerduty.default.clientURL", "pagerduty.default.instances", "email.default.subject",
        "email.default.html", "__subject", "__text_alert_list", "__alertmanagerURL"}) {
    const bool of_alerts = std::string(name) == "__text_alert_list" ||
                           std::string(name) == "pagerduty.default.instances";
    const std::string expanded = Expand("{{ template \"" + std::string(name) + "\" " +
                                        (of_alerts ? ".Alerts" : ".") + " }}");
    EXPECT_EQ(expanded.find("built-in"), std::string::npos) << name << ": " << expanded;
  }
  EXPECT_EQ(Expand("{{ template \"slack.default.title\" . }}"), "[FIRING:2] Down a&b");
  EXPECT_TRUE(Expand("{{ template \"nobody.knows\" . }}").starts_with("built-in | text: "));
}

TEST(ExpandTest, FilesWinOverBuiltInNames) {
  config::Config config;
  config.templates = {{"/t/a.tmpl", "{{ define \"slack.default.title\" }}mine{{ end }}", {}},
                      {"/t/broken.tmpl", "{{ define \"slack.default.text\" }}{{", {}}};
  Notification notification = Make();
  notification.templates = MakeLibrary(config);
  EXPECT_EQ(Expand("{{ template \"slack.default.title\" . }}", notification), "mine");
  EXPECT_EQ(Expand("{{ template \"slack.default.text\" . }}", notification), "");
}

TEST(ExpandTest, EscapesWhatAlertsSayInHtml) {
  const Notification notification = Make();
  Expander expander(notification);
  EXPECT_EQ(expander.ExpandHtml("html", "<b>{{ .CommonAnnotations.summary }}</b>", ""),
            "<b>it is &lt;b&gt;down&lt;/b&gt;</b>");
  const std::string html =
      expander.ExpandHtml("html", "{{ template \"email.default.html\" . }}", "");
  EXPECT_NE(html.find("instance = &lt;one&gt;"), std::string::npos) << html;
  EXPECT_EQ(html.find("<one>"), std::string::npos);
  EXPECT_TRUE(expander.TakeErrors().empty());
}

}  // namespace
}  // namespace drwatch::notify
