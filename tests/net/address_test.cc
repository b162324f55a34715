#include "net/address.h"

#include <gtest/gtest.h>

namespace drwatch::net {
namespace {

TEST(IpAddressTest, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(IpAddress::Parse("127.0.0.1")->ToString(), "127.0.0.1");
  EXPECT_EQ(IpAddress::Parse("0:0::1")->ToString(), "::1");
  EXPECT_EQ(IpAddress::Parse("fe80::1%lo")->ToString(), "fe80::1%lo");
  EXPECT_FALSE(IpAddress::Parse("127.0.0.1")->is_v6);
}

TEST(IpAddressTest, RejectsWhatIsNoLiteral) {
  for (const char* text : {"", "localhost", "1.2.3", "127.1", "1.2.3.4.5", "::g", "[::1]",
                           "01.2.3.4", "fe80::1%nosuchinterface", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(EndpointTest, ReadsEveryForm) {
  const auto check = [](const char* text, const char* host, int port) {
    const base::Result<Endpoint> endpoint = ParseEndpoint(text, 99);
    ASSERT_TRUE(endpoint) << text << ": " << endpoint.error().message;
    EXPECT_EQ(endpoint->host, host) << text;
    EXPECT_EQ(endpoint->port, port) << text;
  };
  check("db1:5432", "db1", 5432);
  check("db1", "db1", 99);
  check(":10911", "", 10911);
  check("[::1]:80", "::1", 80);
  check("[::1]", "::1", 99);
  check("::1", "::1", 99);
  check("10.0.0.1:0", "10.0.0.1", 0);
  check("under_score.example:1", "under_score.example", 1);
  EXPECT_EQ(ParseEndpoint("/run/redis.sock")->unix_path, "/run/redis.sock");
  EXPECT_EQ(ParseEndpoint("unix:/run/x")->unix_path, "/run/x");
}

TEST(EndpointTest, WritesWhatItReads) {
  for (const char* text : {"db1:5432", "[::1]:80", "/run/redis.sock", "db1", ":10911"}) {
    EXPECT_EQ(ParseEndpoint(text)->ToString(), text);
  }
}

TEST(EndpointTest, RejectsWhatIsNoAddress) {
  for (const char* text :
       {"", "db1:", "db1:65536", "db1:-1", "db1:+5", "db1:5432x", "db1: 80", "[::1", "[::1]80",
        "[1.2.3.4]:80", "[db1]:80", "1:2:3", "a b:80", "a/b:80", "user@host:80", "db1:000080"}) {
    EXPECT_FALSE(ParseEndpoint(text)) << text;
  }
  EXPECT_FALSE(ParseEndpoint(std::string(300, 'a') + ":80"));
  EXPECT_FALSE(ParseEndpoint(std::string_view("a\0b:80", 6)));
}

TEST(UrlTest, ReadsEveryPart) {
  const base::Result<Url> url =
      ParseUrl("HTTPS://us%40er:p%3Aw@x@Example.com:8443/a/b?c=d&e#fragment");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->username, "us@er");
  EXPECT_EQ(url->password.Reveal(), "p:w@x");
  EXPECT_EQ(url->host, "Example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/a/b");
  EXPECT_EQ(url->query, "c=d&e");
  EXPECT_EQ(url->Origin(), "https://Example.com:8443");
}

TEST(UrlTest, FillsInDefaults) {
  EXPECT_EQ(ParseUrl("http://x")->port, 80);
  EXPECT_EQ(ParseUrl("http://x")->path, "/");
  EXPECT_EQ(ParseUrl("http://x?a=b")->query, "a=b");
  EXPECT_EQ(ParseUrl("rediss://cache")->port, 6379);
  EXPECT_EQ(ParseUrl("postgresql://db1/x")->port, 5432);
  EXPECT_EQ(ParseUrl("ftp://x")->port, 0);
  EXPECT_EQ(ParseUrl("https://[::1]")->Origin(), "https://[::1]");
  EXPECT_EQ(ParseUrl("unix:///run/x.sock")->path, "/run/x.sock");
  EXPECT_EQ(ParseUrl("s3://bucket/prefix")->host, "bucket");
}

TEST(UrlTest, RejectsWhatIsNoUrl) {
  for (const char* text :
       {"", "x", "x:80", "://x", "http//x", "http://", "http:///path", "http://:80/", "http://a b/",
        "http://x:99999/", "http://x\n/", "ht tp://x/", "http://u%zz@x/", "http://[::1/"}) {
    EXPECT_FALSE(ParseUrl(text)) << text;
  }
}

TEST(UrlTest, KeepsThePasswordOutOfErrors) {
  for (const char* text : {"http://u:hunter2@x:99999/", "http://u:hunter2%zz@x/",
                           "http://u:hunter2@[::1/", "http://u:hunter2 @x/"}) {
    const base::Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().ToString().find("hunter2"), std::string::npos) << url.error().message;
  }
}

TEST(QueryTest, DecodesPairs) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(ParseQuery("a=1&b=x+y%26z&&c&=d"),
            (Pairs{{"a", "1"}, {"b", "x y&z"}, {"c", ""}, {"", "d"}}));
  EXPECT_EQ(ParseQuery("a=%zz"), (Pairs{{"a", "%zz"}}));
  EXPECT_EQ(ParseQuery(""), Pairs{});
  EXPECT_EQ(PercentDecode("%"), std::nullopt);
  EXPECT_EQ(PercentDecode("%4"), std::nullopt);
  EXPECT_EQ(PercentDecode("%41%4a"), "AJ");
}

}  // namespace
}  // namespace drwatch::net
