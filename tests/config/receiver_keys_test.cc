// The keys of receivers that Alertmanager has, too: what is taken, what is refused and why.
#include <gtest/gtest.h>

#include "config/config.h"
#include "support/temp_dir.h"

namespace drwatch::config {
namespace {

std::string Receivers(const std::string& kinds, const std::string& global = "") {
  return (global.empty() ? "" : "global: {" + global + "}\n") + "receivers: [{name: r, " + kinds +
         "}]\n";
}

Config Good(const std::string& text) {
  Problems problems;
  auto config = ParseConfig(text, "/f.yml", problems);
  for (const Problem& problem : problems.all()) {
    EXPECT_NE(problem.kind, Problem::Kind::kError) << problem.ToString();
  }
  return config.value_or(Config{});
}

std::string Errors(const std::string& text) {
  Problems problems;
  EXPECT_FALSE(ParseConfig(text, "/f.yml", problems)) << text;
  std::string all;
  for (const Problem& problem : problems.all()) {
    if (problem.kind == Problem::Kind::kError) all += problem.message + "\n";
  }
  return all;
}

template <typename Kind>
const Kind& First(const Config& config) {
  return std::get<Kind>(config.receivers.at(0).integrations.at(0));
}

TEST(ReceiverKeysTest, HttpConfigIsOnesOwnOrTheGlobalOne) {
  const std::string global = "http_config: {authorization: {credentials: geheim}}";
  const Config inherited = Good(Receivers("webhook_configs: [{url: 'http://a'}]", global));
  EXPECT_EQ(First<WebhookReceiver>(inherited).http.credentials.value.Reveal(), "geheim");
  EXPECT_EQ(First<WebhookReceiver>(inherited).http.authorization_type, "Bearer");
  const Config own = Good(Receivers(
      "webhook_configs: [{url: 'http://a', max_alerts: 3, timeout: 2s, http_config: {basic_auth: "
      "{username: u, password: geheim}, proxy_url: 'http://p:geheim@proxy:3128', "
      "tls_config: {insecure_skip_verify: true}}}]",
      global));
  const auto& webhook = First<WebhookReceiver>(own);
  EXPECT_TRUE(webhook.http.credentials.empty()) << "nothing is inherited beside an own one";
  EXPECT_EQ(webhook.http.username, "u");
  EXPECT_EQ(webhook.http.secret().value.Reveal(), "geheim");
  EXPECT_TRUE(webhook.http.tls.insecure_skip_verify);
  EXPECT_EQ(webhook.max_alerts, 3);
  EXPECT_EQ(webhook.timeout, base::Duration(2000));
  const std::string shown = DescribeConfig(own);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  EXPECT_NE(shown.find("username: u"), std::string::npos) << shown;
}

TEST(ReceiverKeysTest, HttpConfigSaysWhatCannotWork) {
  const auto error = [](const std::string& http) {
    return Errors(Receivers("webhook_configs: [{url: 'http://a', http_config: {" + http + "}}]"));
  };
  EXPECT_NE(error("basic_auth: {username: u}, bearer_token: x").find("exclude each other"),
            std::string::npos);
  EXPECT_NE(error("authorization: {type: Basic, credentials: x}").find("Basic"), std::string::npos);
  EXPECT_NE(error("authorization: {type: Bearer}").find("credentials"), std::string::npos);
  EXPECT_NE(error("bearer_token: \"a\\nb\"").find("one line"), std::string::npos);
  EXPECT_NE(error("proxy_url: 'https://x'").find("http://"), std::string::npos);
  EXPECT_NE(error("proxy_url: 'http://x', tls_config: {server_name: y}").find("together"),
            std::string::npos);
  EXPECT_NE(error("oauth2: {}").find("not supported"), std::string::npos);
  EXPECT_EQ(error("bearer_token: geheim, proxy_url: '://geheim'").find("geheim"),
            std::string::npos);
}

TEST(ReceiverKeysTest, RedirectsAreNotFollowedAndThatIsSaid) {
  Problems problems;
  EXPECT_TRUE(ParseConfig(
      Receivers("webhook_configs: [{url: 'http://a', http_config: {follow_redirects: true}}]"),
      "/f.yml", problems));
  bool warned = false;
  for (const Problem& problem : problems.all()) {
    warned = warned || problem.message.find("redirects") != std::string::npos;
  }
  EXPECT_TRUE(warned);
}

TEST(ReceiverKeysTest, PagerDutysAreAllTaken) {
  const Config config = Good(
      Receivers("pagerduty_configs: [{routing_key: k, source: s, links: [{href: h, text: t}], "
                "images: [{src: i, alt: a, href: h}], timeout: 3s, client: '{{ .Receiver }}'}]"));
  const auto& pagerduty = First<PagerDutyReceiver>(config);
  EXPECT_EQ(pagerduty.source, "s");
  ASSERT_EQ(pagerduty.links.size(), 1u);
  EXPECT_EQ(pagerduty.links[0].text, "t");
  ASSERT_EQ(pagerduty.images.size(), 1u);
  EXPECT_EQ(pagerduty.images[0].alternative, "a");
  EXPECT_NE(Errors(Receivers("pagerduty_configs: [{service_key: k}]")).find("service_key"),
            std::string::npos);
  EXPECT_NE(
      Errors(Receivers("pagerduty_configs: [{routing_key: k, links: [{text: t}]}]")).find("href"),
      std::string::npos);
}

TEST(ReceiverKeysTest, SlacksAreTaken) {
  const Config config = Good(Receivers(
      "slack_configs: [{api_url: 'http://a', username: u, icon_emoji: ':x:', color: danger, "
      "title_link: l, pretext: p, footer: f, fallback: b, callback_id: c, image_url: i, "
      "thumb_url: t, link_names: true, mrkdwn_in: [text], short_fields: true, "
      "fields: [{title: a, value: b}, {title: c, value: d, short: false}], "
      "actions: [{type: button, text: Runbook, url: 'http://r', confirm: {text: sure}}]}]"));
  const auto& slack = First<SlackReceiver>(config);
  EXPECT_EQ(slack.fields.size(), 2u);
  EXPECT_EQ(slack.fields[1].is_short, false);
  EXPECT_EQ(slack.actions.at(0).confirm_text, "sure");
  EXPECT_EQ(slack.markdown_in, std::vector<std::string>{"text"});
  EXPECT_NE(Errors(Receivers("slack_configs: [{api_url: 'http://a', actions: [{type: b, text: "
                             "t}]}]"))
                .find("\"url\" or \"name\""),
            std::string::npos);
}

TEST(ReceiverKeysTest, ReadsTemplateFiles) {
  const testing::TempDir folder;
  folder.Write("a.tmpl", "{{ define \"a\" }}x{{ end }}");
  folder.Write("b.tmpl", "{{ define \"b\" }}y{{ end }}");
  Problems problems;
  const auto config =
      ParseConfig("templates: ['*.tmpl', 'none/*.tmpl']\n", folder.Path("drwatch.yml"), problems);
  ASSERT_TRUE(config);
  ASSERT_EQ(config->templates.size(), 2u);
  EXPECT_EQ(config->templates[1].text, "{{ define \"b\" }}y{{ end }}");
  bool warned = false;
  for (const Problem& problem : problems.all()) {
    warned = warned || problem.message.find("no template matches") != std::string::npos;
  }
  EXPECT_TRUE(warned);
}

}  // namespace
}  // namespace drwatch::config
