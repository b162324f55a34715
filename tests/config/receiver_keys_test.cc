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

TEST(ReceiverKeysTest, TokensProxiesAndHeadersAreTakenAndTheirSecretsHidden) {
  const Config config = Good(Receivers(
      "webhook_configs: [{url: 'http://a', http_config: {oauth2: {client_id: me, client_secret: "
      "geheim, token_url: 'https://login/t', scopes: [a, b], endpoint_params: {password: geheim}, "
      "tls_config: {insecure_skip_verify: true}, proxy_url: 'http://p:geheim@x', no_proxy: y}, "
      "proxy_url: 'http://proxy:3128', no_proxy: 'a,10.0.0.0/8', enable_http2: false, "
      "http_headers: {X-Scope: {values: [geheim], secrets: [geheim], files: [/key]}}}}]"));
  const HttpSettings& http = First<WebhookReceiver>(config).http;
  ASSERT_TRUE(http.oauth2);
  EXPECT_EQ(http.oauth2->client_id, "me");
  EXPECT_EQ(http.oauth2->client_secret.value.Reveal(), "geheim");
  EXPECT_EQ(http.oauth2->scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(http.oauth2->parameters.at(0).second.Reveal(), "geheim");
  EXPECT_TRUE(http.oauth2->tls.insecure_skip_verify);
  EXPECT_EQ(http.oauth2->proxy.no_proxy, "y");
  EXPECT_EQ(http.proxy.no_proxy, "a,10.0.0.0/8");
  EXPECT_FALSE(http.http2);
  ASSERT_EQ(http.headers.size(), 3U);
  EXPECT_EQ(http.headers[0].second.value.Reveal(), "geheim");
  EXPECT_EQ(http.headers[2].second.file, "/key");
  const std::string shown = DescribeConfig(config);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  const Config again = Good(shown);
  const HttpSettings& same = First<WebhookReceiver>(again).http;
  ASSERT_TRUE(same.oauth2) << shown;
  EXPECT_EQ(same.oauth2->scopes, http.oauth2->scopes);
  EXPECT_EQ(same.proxy, http.proxy);
  EXPECT_EQ(same.headers.size(), 3U);
  EXPECT_FALSE(same.http2);
  EXPECT_TRUE(First<WebhookReceiver>(Good(Receivers("webhook_configs: [{url: 'http://a', "
                                                    "http_config: {proxy_from_environment: true, "
                                                    "enable_http2: true}}]")))
                  .http.proxy.from_environment);
}

TEST(ReceiverKeysTest, WhatProxiesAreToldIsTakenAndHidden) {
  const Config config = Good(Receivers(
      "webhook_configs: [{url: 'http://a', http_config: {proxy_url: 'http://proxy:3128', "
      "proxy_connect_header: {X-Team: [geheim, geheim-too], Proxy-Authorization: [geheim]}, "
      "oauth2: {client_id: me, token_url: 'https://login/t', proxy_from_environment: true, "
      "proxy_connect_header: {X-Login: [geheim]}}}}]"));
  const HttpSettings& http = First<WebhookReceiver>(config).http;
  ASSERT_EQ(http.proxy.connect_headers.size(), 3U);
  EXPECT_EQ(http.proxy.connect_headers[1].first, "X-Team");
  EXPECT_EQ(http.proxy.connect_headers[1].second.Reveal(), "geheim-too");
  ASSERT_EQ(http.oauth2->proxy.connect_headers.size(), 1U);
  const std::string shown = DescribeConfig(config);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  const HttpSettings same = First<WebhookReceiver>(Good(shown)).http;
  EXPECT_EQ(same.proxy.connect_headers.size(), 3U) << shown;
  EXPECT_EQ(same.oauth2->proxy.connect_headers.size(), 1U) << shown;
  EXPECT_TRUE(First<WebhookReceiver>(Good(Receivers("webhook_configs: [{url: 'http://a', "
                                                    "http_config: {proxy_connect_header: {}}}]")))
                  .http.proxy.connect_headers.empty());
}

TEST(ReceiverKeysTest, WhatProxiesCannotBeToldIsSaid) {
  const auto error = [](const std::string& http) {
    return Errors(Receivers("webhook_configs: [{url: 'http://a', http_config: {" + http + "}}]"));
  };
  const std::string proxy = "proxy_url: 'http://x', proxy_connect_header: ";
  EXPECT_NE(error("proxy_connect_header: {A: [geheim]}").find("needs \"proxy_url\" or"),
            std::string::npos);
  EXPECT_NE(error("proxy_url: '', proxy_connect_header: {A: [geheim]}").find("needs \"proxy_url\""),
            std::string::npos);
  EXPECT_NE(error(proxy + "{A: geheim}").find("\"A\" must be a list"), std::string::npos);
  EXPECT_NE(error(proxy + "[x]").find("must be a map"), std::string::npos);
  EXPECT_NE(error(proxy + "{'a b': [x]}").find("no header's name"), std::string::npos);
  EXPECT_NE(error(proxy + "{Content-length: [x]}").find("cannot be set"), std::string::npos);
  EXPECT_NE(error(proxy + "{A: [\"geheim\\r\\nB: x\"]}").find("one line"), std::string::npos);
  for (const char* value : {"{A: geheim}", "{A: [\"geheim\\r\"]}", "{A: [{geheim: x}]}"}) {
    EXPECT_EQ(error(proxy + value).find("geheim"), std::string::npos) << value;
  }
}

// As Alertmanager reads them, whose configurations are often made from templates.
TEST(ReceiverKeysTest, AnEmptyFileIsNone) {
  const auto webhook = [](const std::string& keys) {
    return First<WebhookReceiver>(Good(Receivers("webhook_configs: [{" + keys + "}]")));
  };
  EXPECT_EQ(webhook("url: 'http://a', url_file: ''").url.value.Reveal(), "http://a");
  EXPECT_EQ(webhook("url: 'http://a', url_file: ").url.value.Reveal(), "http://a");
  const HttpSettings http =
      webhook(
          "url: 'http://a', http_config: {basic_auth: {username: u, password: p, "
          "password_file: ''}, bearer_token: '', bearer_token_file: '', proxy_url: '', "
          "no_proxy: '', tls_config: {ca_file: '', cert_file: '', key_file: '', "
          "server_name: ''}}")
          .http;
  EXPECT_EQ(http.password.value.Reveal(), "p");
  EXPECT_EQ(http.tls, Tls());
  EXPECT_EQ(http.proxy, Proxy());
  const Config slack = Good(Receivers("slack_configs: [{channel: c, api_url_file: ''}]",
                                      "slack_api_url: 'http://hook', slack_api_url_file: '', "
                                      "smtp_auth_password: '', smtp_auth_password_file: ''"));
  EXPECT_EQ(First<SlackReceiver>(slack).api_url.value.Reveal(), "http://hook");
  EXPECT_NE(Errors(Receivers("webhook_configs: [{url: '', url_file: ''}]")).find("needs \"url\""),
            std::string::npos);
  EXPECT_NE(Errors(Receivers("pagerduty_configs: [{routing_key_file: ''}]")).find("routing_key"),
            std::string::npos);
  ::setenv("DRWATCH_TEST_EMPTY", "", 1);
  EXPECT_NE(Errors(Receivers("webhook_configs: [{url_file: '${DRWATCH_TEST_EMPTY}'}]"))
                .find("\"url_file\" is empty"),
            std::string::npos)
      << "a variable that is empty is a mistake";
  ::unsetenv("DRWATCH_TEST_EMPTY");
}

TEST(ReceiverKeysTest, NoTimeoutIsTheDefaultOne) {
  const std::string kinds[] = {"webhook_configs: [{url: 'http://a'",
                               "pagerduty_configs: [{routing_key: k",
                               "slack_configs: [{api_url: 'http://a'"};
  for (const std::string& kind : kinds) {
    EXPECT_FALSE(Errors(Receivers(kind + ", timeout: -1s}]")).empty()) << kind;
    const Config config = Good(Receivers(kind + ", timeout: 0s}]"));
    std::visit(
        [&](const auto& integration) {
          if constexpr (requires { integration.timeout; }) {
            EXPECT_FALSE(integration.timeout) << kind;
          }
        },
        config.receivers.at(0).integrations.at(0));
  }
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
  EXPECT_NE(error("oauth2: {token_url: 'http://t'}").find("needs the key \"client_id\""),
            std::string::npos);
  EXPECT_NE(error("oauth2: {client_id: c}").find("needs the key \"token_url\""), std::string::npos);
  EXPECT_NE(error("oauth2: {client_id: c, token_url: 'ftp://t'}").find("http://"),
            std::string::npos);
  EXPECT_NE(error("oauth2: {client_id: c, token_url: 'http://t', audience: a}").find("audience"),
            std::string::npos);
  EXPECT_NE(error("bearer_token: x, oauth2: {client_id: c, token_url: 'http://t'}")
                .find("exclude each other"),
            std::string::npos);
  EXPECT_NE(error("no_proxy: a").find("\"no_proxy\" needs \"proxy_url\""), std::string::npos);
  EXPECT_NE(error("proxy_from_environment: true, proxy_url: 'http://x'").find("excludes"),
            std::string::npos);
  EXPECT_NE(error("proxy_from_environment: true, no_proxy: x").find("excludes"), std::string::npos);
  EXPECT_NE(error("proxy_from_environment: true, tls_config: {server_name: y}").find("together"),
            std::string::npos);
  EXPECT_NE(error("http_headers: {Content-type: {values: [x]}}").find("cannot be set"),
            std::string::npos);
  EXPECT_NE(error("http_headers: {'a b': {values: [x]}}").find("no header's name"),
            std::string::npos);
  EXPECT_NE(error("http_headers: {A: {values: [\"x\\ny\"]}}").find("one line"), std::string::npos);
  EXPECT_NE(error("http_headers: {A: {value: x}}").find("unknown key \"value\""),
            std::string::npos);
  EXPECT_NE(error("http_headers: [x]").find("must be a map"), std::string::npos);
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

TEST(ReceiverKeysTest, SlacksBotIsTheOneThatIsNearest) {
  const std::string global =
      "slack_app_token: geheim, slack_api_url: 'http://hook', slack_app_url: 'http://bot'";
  const auto slack = [&](const std::string& keys) {
    return First<SlackReceiver>(
        Good(Receivers("slack_configs: [{channel: c, " + keys + "}]", global)));
  };
  EXPECT_EQ(slack("text: t").app_token.value.Reveal(), "geheim");
  EXPECT_TRUE(slack("text: t").api_url.empty());
  EXPECT_EQ(slack("text: t").app_url, "http://bot");
  EXPECT_EQ(slack("app_token: own, app_url: 'http://x'").app_token.value.Reveal(), "own");
  EXPECT_EQ(slack("app_token: own, app_url: 'http://x'").app_url, "http://x");
  EXPECT_TRUE(slack("api_url: 'http://own'").app_token.empty());
  const SlackReceiver other = slack("http_config: {authorization: {credentials: x}}");
  EXPECT_TRUE(other.app_token.empty()) << "other credentials of its own";
  EXPECT_EQ(other.api_url.value.Reveal(), "http://hook");
  const Config config = Good(Receivers("slack_configs: [{channel: c}]", global));
  const std::string shown = DescribeConfig(config);
  EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
  EXPECT_NE(shown.find("app_url: \"http://bot\""), std::string::npos) << shown;
  const auto error = [](const std::string& keys) {
    return Errors(Receivers("slack_configs: [{" + keys + "}]"));
  };
  EXPECT_NE(error("app_token: t").find("needs a \"channel\""), std::string::npos);
  EXPECT_NE(error("channel: c, app_token: t, api_url: 'http://a'").find("both given"),
            std::string::npos);
  EXPECT_NE(error("channel: c, app_token: t, http_config: {bearer_token: x}").find("nothing else"),
            std::string::npos);
  EXPECT_NE(error("channel: c, app_token: t, app_url: geheim").find("app_url"), std::string::npos);
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
