// email_configs and the smtp_* defaults.
#include <gtest/gtest.h>

#include "config/config.h"
#include "config/mail_address.h"

namespace drwatch::config {
namespace {

std::optional<Config> Parse(const std::string& global, const std::string& email,
                            Problems& problems) {
  return ParseConfig(
      "global: {" + global + "}\nreceivers: [{name: r, email_configs: [{" + email + "}]}]\n",
      "/f.yml", problems);
}

std::string FirstError(const std::string& global, const std::string& email) {
  Problems problems;
  EXPECT_FALSE(Parse(global, email, problems)) << global << email;
  for (const Problem& problem : problems.all()) {
    if (problem.kind == Problem::Kind::kError) return problem.message;
  }
  return "";
}

TEST(EmailConfigTest, InheritsKeyByKey) {
  Problems problems;
  const auto config = Parse(
      "smtp_smarthost: 'mx:587', smtp_from: 'a@b', smtp_auth_username: u, "
      "smtp_auth_password: global, smtp_hello: me, smtp_require_tls: false, "
      "smtp_tls_config: {server_name: other}",
      "to: 'c@d', auth_password: own, require_tls: true", problems);
  ASSERT_TRUE(config) << problems.all().front().ToString();
  const auto& email = std::get<EmailReceiver>(config->receivers[0].integrations[0]);
  EXPECT_EQ(email.to, "c@d");
  EXPECT_EQ(email.from, "a@b");
  EXPECT_EQ(email.server.smarthost, "mx:587");
  EXPECT_EQ(email.server.hello, "me");
  EXPECT_EQ(email.server.username, "u");
  EXPECT_EQ(email.server.password.value.Reveal(), "own");
  EXPECT_EQ(email.server.tls.server_name, "other");
  EXPECT_TRUE(email.server.require_tls);
  EXPECT_FALSE(email.send_resolved) << "Alertmanager's default";
  const std::string shown = DescribeConfig(*config);
  EXPECT_NE(shown.find("auth_password: \"<secret>\""), std::string::npos) << shown;
  EXPECT_EQ(shown.find(": own"), std::string::npos);
}

TEST(EmailConfigTest, RefusesWhatCannotWork) {
  const std::string good = "smtp_smarthost: 'mx:25', smtp_from: 'a@b'";
  EXPECT_EQ(FirstError(good, "send_resolved: true"), "email_configs needs the key \"to\"");
  EXPECT_EQ(FirstError("smtp_from: 'a@b'", "to: 'c@d'"), "email_configs needs \"smarthost\"");
  EXPECT_EQ(FirstError("smtp_smarthost: 'mx:25'", "to: 'c@d'"), "email_configs needs \"from\"");
  EXPECT_NE(FirstError("smtp_smarthost: mx, smtp_from: 'a@b'", "to: 'c@d'").find("host:port"),
            std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'nobody'").find("not a mail address"), std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', from: 'a@b, c@d'").find("one address"), std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', headers: {To: x, to: y}").find("duplicate header"),
            std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', headers: {'X Y': z}").find("invalid header name"),
            std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', headers: {content-type: z}").find("drwatch's own"),
            std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', tls_config: {ca: x}").find("not supported"),
            std::string::npos);
  EXPECT_NE(FirstError(good, "to: 'a@b', threading: {enabled: true}").find("not supported"),
            std::string::npos);
}

TEST(EmailConfigTest, WarnsOfAPasswordInTheClear) {
  Problems problems;
  EXPECT_TRUE(Parse("",
                    "to: 'a@b', from: 'a@b', smarthost: 'mx:25', require_tls: false, "
                    "auth_username: u, auth_secret: s",
                    problems));
  bool warned = false;
  for (const Problem& problem : problems.all()) {
    warned = warned || problem.message.find("CRAM-MD5") != std::string::npos;
  }
  EXPECT_TRUE(warned);
}

TEST(MailAddressTest, ReadsLists) {
  const auto list =
      ParseMailAddresses(" a@b ,\"Roe, \\\"J\\\"\" <j@x.example> , Jürgen\r\n <g@x>,");
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[0].address, "a@b");
  EXPECT_EQ((*list)[1].name, "Roe, \"J\"");
  EXPECT_EQ((*list)[1].address, "j@x.example");
  EXPECT_EQ((*list)[2].name, "Jürgen");
  for (const char* bad : {"", ",", "a", "@b", "a@", "a b@c", "a@b\nc@d", "<a@b", "a@b>", "a@b;c@d",
                          "\"a@b", "ä@b", "a@<b>", "<<a@b>>"}) {
    EXPECT_FALSE(ParseMailAddresses(bad)) << bad;
  }
  EXPECT_FALSE(ParseMailAddresses(std::string(250, 'a') + "@example.com"));
}

}  // namespace
}  // namespace drwatch::config
