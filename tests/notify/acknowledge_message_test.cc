// What receivers are told of acknowledging, and the key that signs its links.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "fixtures.h"
#include "notify/ack_link.h"
#include "notify/email_text.h"
#include "support/temp_dir.h"

namespace drwatch::notify {
namespace {

using Json = nlohmann::json;
using testing::TempDir;

Notification Make(Occasion occasion) {
  Notification notification;
  notification.occasion = occasion;
  notification.dedup_key = "drwatch1-abc";
  notification.event_id = "00112233445566778899aabbccddeeff";
  notification.external_url = "http://drwatch:10911";
  notification.acknowledge_url = "http://drwatch:10911/acknowledge?token=v1.g00&x=1";
  notification.alerts = {Firing("Down", "a", kStart).alert};
  notification.alerts[0].annotations = {{"summary", "s"}, {"acknowledged", "by <ann> at noon"}};
  return notification;
}

Json BodyOf(const config::Integration& integration, const Notification& notification) {
  const auto built = Build(integration, notification, base::Secret("https://example.com/hook"));
  EXPECT_TRUE(built) << built.error().message;
  return Json::parse(std::get<net::HttpRequest>(built->request).body);
}

TEST(AcknowledgeMessageTest, PagerDutyGetsAnEventOfItsOwn) {
  EXPECT_EQ(BodyOf(config::PagerDutyReceiver{}, Make(Occasion::kAcknowledge)),
            Json::parse(R"({"routing_key": "https://example.com/hook",
                            "event_action": "acknowledge", "dedup_key": "drwatch1-abc"})"));
  Notification minimal = Make(Occasion::kAcknowledge);
  minimal.form = Form::kMinimal;
  EXPECT_EQ(BodyOf(config::PagerDutyReceiver{}, minimal)["event_action"], "acknowledge");
}

TEST(AcknowledgeMessageTest, EveryReceiverShowsTheLinkAndWhoHas) {
  const Notification notification = Make(Occasion::kRepeat);
  const Json page = BodyOf(config::PagerDutyReceiver{}, notification);
  EXPECT_EQ(page["links"][0],
            (Json{{"href", notification.acknowledge_url}, {"text", "Acknowledge"}}));
  EXPECT_EQ(page["payload"]["custom_details"]["annotations"]["acknowledged"], "by <ann> at noon");
  const std::string slack =
      BodyOf(config::SlackReceiver{}, notification)["attachments"][0]["blocks"][0]["text"]["text"];
  EXPECT_NE(slack.find("<http://drwatch:10911/acknowledge?token=v1.g00&amp;x=1|Acknowledge>"),
            std::string::npos)
      << slack;
  EXPECT_NE(slack.find("Acknowledged by &lt;ann&gt; at noon"), std::string::npos) << slack;
  const Json document = BodyOf(config::WebhookReceiver{}, notification);
  EXPECT_EQ(document["acknowledgeURL"], notification.acknowledge_url);
  EXPECT_EQ(document["alerts"][0]["annotations"]["acknowledged"], "by <ann> at noon");
  const std::string text = EmailText(notification);
  EXPECT_NE(text.find("Acknowledge: " + notification.acknowledge_url + "\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find(", acknowledged by <ann> at noon\n"), std::string::npos) << text;
  const std::string html = EmailHtml(notification);
  EXPECT_NE(html.find("token=v1.g00&amp;x=1\">Acknowledge</a>"), std::string::npos) << html;
  EXPECT_EQ(html.find("<ann>"), std::string::npos) << html;
}

TEST(AcknowledgeMessageTest, ATemplateCanShowTheLink) {
  config::SlackReceiver slack;
  slack.text = "{{ .AcknowledgeURL }}";
  const Notification notification = Make(Occasion::kTrigger);
  EXPECT_EQ(BodyOf(slack, notification)["attachments"][0]["blocks"][0]["text"]["text"],
            notification.acknowledge_url);
}

TEST(LinkKeyTest, IsMadeOnceAndForItsOwnerAlone) {
  const TempDir folder;
  const auto made = LoadLinkKey(folder.Path("."));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->Reveal().size(), 64U);
  const std::string path = folder.Path("acknowledge.key");
  using std::filesystem::perms;
  const auto mode = [&] { return std::filesystem::status(path).permissions(); };
  EXPECT_EQ(mode(), perms::owner_read | perms::owner_write);
  std::filesystem::permissions(path, perms::all);
  EXPECT_EQ(LoadLinkKey(folder.Path("."))->Reveal(), made->Reveal());
  EXPECT_EQ(mode(), perms::owner_read | perms::owner_write);
}

TEST(LinkKeyTest, ADamagedOneIsReplacedAndAnUnreadableOneAnError) {
  const TempDir folder;
  const std::string path = folder.Path("acknowledge.key");
  for (const char* text : {"", "short", "\n\n"}) {
    ASSERT_TRUE(base::WriteFileAtomically(path, text));
    const auto key = LoadLinkKey(folder.Path("."));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->Reveal().size(), 64U);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_FALSE(LoadLinkKey(folder.Path(".")));
  EXPECT_FALSE(LoadLinkKey(folder.Path("missing/folder")));
}

}  // namespace
}  // namespace drwatch::notify
